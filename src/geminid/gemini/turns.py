"""Contents -> turns: roles, parts, the order of calls and their responses; and the system instruction.

Called by ``request.py``, which wants a prompt to answer, and by ``tokens.py``, which counts whatever it is given.
Texts: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/inference as the service prints them.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby, pairwise
from operator import attrgetter

from geminid.attachment import Attachment, Resolution
from geminid.errors import InvalidArgument
from geminid.gemini.attachments import attachment_of, check_attached, has_media
from geminid.gemini.profiles import Profile
from geminid.gemini.wording import unable
from geminid.generation import FunctionCall, FunctionResponse, Piece, Role, Text, Turn
from geminid.wire.content import Content, Part

_NO_TEXT = "it must have a text parameter. Add a text parameter and try again"
_CALL_OUT_OF_PLACE = (
    "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
)
_RESPONSE_OUT_OF_PLACE = "Please ensure that function response turn comes immediately after a function call turn."
_RESPONSES_MISSING = (
    "Please ensure that the number of function response parts is equal to the number of function call parts of "
    "the function call turn."
)


def turns_of(
    contents: Sequence[Content], profile: Profile, resolution: Resolution | None = None
) -> tuple[Turn, ...]:
    """The turns of a prompt that is to be answered, with media looked at in ``resolution``.

    Raises InvalidArgument.
    """
    roles = [_role(content, single=len(contents) == 1) for content in contents]
    _check_roles(roles, profile)
    turns = []
    for index, (content, role) in enumerate(zip(contents, roles, strict=True)):
        path = f"contents[{index}]"
        _check_parts(content, role, profile, path)
        turns.append(Turn(role, _pieces(content, role, path, resolution)))
    _check_calls(turns)
    return tuple(_joined(turns))


def turns_to_count(contents: Sequence[Content], resolution: Resolution | None = None) -> tuple[Turn, ...]:
    """The same of any contents, be they half a conversation: nothing is judged."""
    return tuple(_joined([turn_to_count(*one, resolution) for one in enumerate(contents)]))


def turn_to_count(index: int, content: Content, resolution: Resolution | None = None) -> Turn:
    """One content by itself."""
    role: Role = "model" if content.role.lower() == "model" else "user"
    return Turn(role, _pieces(content, role, f"contents[{index}]", resolution))


def system_of(content: Content | None, profile: Profile) -> tuple[Text, ...]:
    """The role is ignored; each part is a paragraph; a content without text counts as absent."""
    if content is None or not content.parts:
        return ()
    if not profile.system_instruction:
        raise InvalidArgument("The input system_instruction is not supported.")
    if any(part.text is None for part in content.parts):
        raise unable(_NO_TEXT)
    return system_to_count(content)


def system_to_count(content: Content | None) -> tuple[Text, ...]:
    """The paragraphs, without judging."""
    return tuple(Text(part.text) for part in content.parts if part.text) if content else ()


def _role(content: Content, *, single: bool) -> Role:
    """Roles compare without case: Google's own C# sample sends ``USER``.

    What functions gave has had the role ``function``, then ``user``; LiteLLM sends it without a role.
    """
    match content.role.lower():
        case "user":
            return "user"
        case "model":
            return "model"
        case "" if single:
            return "user"
        case "" | "function" | "tool" if any(part.function_response is not None for part in content.parts):
            return "user"
    raise unable("Please use a valid role: user, model.")


def _check_roles(roles: Sequence[Role], profile: Profile) -> None:
    if len(roles) == 1 and roles[0] == "model":
        raise InvalidArgument(
            "Please ensure that single turn requests end with a user role or the role field is empty."
        )
    if profile.alternates and any(role == following for role, following in pairwise(roles)):
        raise InvalidArgument("Please ensure that multiturn requests alternate between user and model.")
    if roles[-1] == "model":
        raise InvalidArgument(
            "Please ensure that multiturn requests ends with a user role or a function response."
        )


def _check_parts(content: Content, role: Role, profile: Profile, path: str) -> None:
    if not content.parts:
        raise unable("it must include at least one parts field, which describes the prompt input")
    for index, part in enumerate(content.parts):
        if part.video_metadata is not None and not has_media(part):
            raise unable("it has videoMetadata in a part without media. Add it to the video and try again")
        if has_media(part):
            _check_media(part, role, f"{path}.parts[{index}]")
        elif not part.text:
            _check_part(part, role, profile)


def _check_media(part: Part, role: Role, path: str) -> None:
    if role == "model":
        raise unable("it has media in a turn of the model. Add it to a turn of the user and try again", path=path)
    check_attached(part, path)


def _check_part(part: Part, role: Role, profile: Profile) -> None:
    """A part of the model may be nothing but the mark of a thought, which clients send back."""
    if part.text is not None:
        if role == "user" and not profile.empty_text:
            raise unable("it has an empty text parameter. Add a value to the parameter and try again")
    elif part.function_call is not None:
        _check_function("functionCall", part.function_call.name, fits=role == "model")
    elif part.function_response is not None:
        _check_function("functionResponse", part.function_response.name, fits=role == "user")
        if part.function_response.response is None:
            raise unable("it has a functionResponse without a response. Add the response and try again")
    elif role == "user" or not (part.thought or part.thought_signature):
        raise unable(_NO_TEXT)


def _check_function(field: str, name: str, *, fits: bool) -> None:
    if not fits:
        raise unable(f"a {field} is in a turn of the wrong role. Calls are the model's, responses are the user's")
    if not name:
        raise unable(f"it has a {field} without a name. Add the name of the function and try again")


def _pieces(content: Content, role: Role, path: str, resolution: Resolution | None) -> tuple[Piece, ...]:
    found = [
        _piece(part, role) or attachment_of(part, f"{path}.parts[{index}]", resolution)
        for index, part in enumerate(content.parts)
    ]
    return tuple([piece for piece in found if piece is not None])


def _piece(part: Part, role: Role) -> Piece | None:
    """None for what says nothing, and for a thought of the model: those are not told to it again."""
    if part.text:
        return None if part.thought and role == "model" else Text(part.text)
    if (call := part.function_call) is not None:
        return FunctionCall(call.name, call.args or {}, call.id)
    if (response := part.function_response) is not None:
        return FunctionResponse(response.name, response.response or {}, response.id)
    return None


def _check_calls(turns: Sequence[Turn]) -> None:
    """What was called is answered by the very next content, whole."""
    asked, unanswered = False, 0
    for turn in turns:
        kinds = [type(piece) for piece in turn.pieces]
        calls, responses = kinds.count(FunctionCall), kinds.count(FunctionResponse)
        if turn.role == "model":
            if calls and not asked:
                raise InvalidArgument(_CALL_OUT_OF_PLACE)
            unanswered += calls
            continue
        if responses and not unanswered:
            raise InvalidArgument(_RESPONSE_OUT_OF_PLACE)
        if responses != unanswered:
            raise InvalidArgument(_RESPONSES_MISSING)
        asked, unanswered = True, 0


def _joined(turns: Sequence[Turn]) -> Iterator[Turn]:
    """Joins neighbours of one role, since chat templates want alternation.

    The chunks of a streamed answer come back as one ``model`` content each (google-genai's chat keeps its
    history so), so a model turn is one text, put together without a seam, and then its calls.
    """
    calls: list[FunctionCall] = []
    for role, run in groupby(turns, key=attrgetter("role")):
        pieces = [piece for turn in run for piece in turn.pieces]
        if role == "user":
            yield Turn("user", tuple(_answered(calls, pieces) if calls else pieces))
            continue
        text = "".join(piece.text for piece in pieces if isinstance(piece, Text))
        calls = [piece for piece in pieces if isinstance(piece, FunctionCall)]
        rest: list[Piece] = [*calls, *(piece for piece in pieces if isinstance(piece, Attachment))]
        yield Turn("model", (Text(text), *rest) if text or not rest else tuple(rest))


def _answered(calls: Sequence[FunctionCall], pieces: Sequence[Piece]) -> list[Piece]:
    """The responses first, each in the place of its call and with its id; then what else the user said."""
    responses = [piece for piece in pieces if isinstance(piece, FunctionResponse)]
    if len(responses) != len(calls):
        return list(pieces)
    rest = [piece for piece in pieces if not isinstance(piece, FunctionResponse)]
    return [*_in_order_of(calls, responses), *rest]


_Key = Callable[[FunctionCall | FunctionResponse], str]
_KEYS: tuple[_Key, ...] = (attrgetter("id"), attrgetter("name"), lambda _: "any")
"""What a response is matched to its call by, the surest first."""


def _in_order_of(
    calls: Sequence[FunctionCall], responses: Sequence[FunctionResponse]
) -> Iterator[FunctionResponse]:
    found: dict[int, FunctionResponse] = {}
    left = list(responses)
    for key in _KEYS:
        free: defaultdict[str, deque[int]] = defaultdict(deque)
        for place, call in enumerate(calls):
            if place not in found:
                free[key(call)].append(place)
        unmatched = []
        for response in left:
            if (wanted := key(response)) and free[wanted]:
                found[free[wanted].popleft()] = response
            else:
                unmatched.append(response)
        left = unmatched
    return (replace(found[place], id=call.id) for place, call in enumerate(calls))
