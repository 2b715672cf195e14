"""All settings, as one frozen value: defaults, overlaid by ``geminid.toml``, overlaid by flags.

Only ``app.py`` and ``cli/`` read it; everything else is handed what it needs. docs/settings.md explains each key;
a test keeps the two in step.

Where an engine is asked for (``engine`` of the file, ``--engine``, ``--model ID=…``) an *engine expression* names
one: an engine of the file (``gpu``), ``scripted``, ``scripted:answers.toml``, ``llama`` or ``local`` for the
embedded model, ``qwen2.5-0.5b`` (known weights by their name), ``http://host:port/v1#name`` for a server with the
OpenAI API, ``vertex`` for Google's own service, or ``replay:recordings``. A list of them is a chain.
"""

from __future__ import annotations

import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

Port = Annotated[int, Meta(ge=0, le=65535)]
Seconds = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class SettingsError(Exception):
    """A setting that cannot be used; the message says which, and what would do."""


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Server(_Table, frozen=True):
    """``[server]``: where to listen, and what a connection may take."""

    host: str = "127.0.0.1"
    workers: Count = 1
    port: Port = 8080
    grpc_port: Port = 8081
    tls_port: Port = 8443
    request_bytes: Count = 20_971_520
    files_bytes: Count = 20 * 1024**3
    header_seconds: Seconds = 10
    body_seconds: Seconds = 20
    write_seconds: Seconds = 30
    keep_alive_seconds: Seconds = 75
    drain_seconds: Seconds = 10
    wait_seconds: Seconds = 30


class Tls(_Table, frozen=True):
    """``[tls]``: the operator's own certificate for the TLS port, or more names for the one that geminid makes."""

    names: list[str] = []
    certificate: str | None = None
    key: str | None = None


class Auth(_Table, frozen=True):
    """``[auth]``: who may call. ``account`` is the service account that the metadata emulation speaks for."""

    mode: Literal["open", "strict"] = "open"
    account: str = ""


class Pool(_Table, frozen=True):
    """``[engines.NAME.pool]``: how an engine with replicas treats them, ``engines/pool/policy.py``."""

    check_seconds: Seconds = 5
    first_token_seconds: Seconds = 60
    tries: Count = 3
    hedge_seconds: Annotated[float, Meta(ge=0)] = 0
    failures: Count = 3
    ejection_seconds: Seconds = 5
    slow_start_seconds: Seconds = 30
    overload: Annotated[float, Meta(ge=1)] = 2


class _Engine(_Table, frozen=True, kw_only=True):
    """What engines of all kinds have: ``running`` answers at the same time, and how many calls may wait."""

    running: Count | None = None
    waiting: Annotated[int, Meta(ge=0)] = 256


class Llama(_Engine, frozen=True, tag="llama", tag_field="kind"):
    """``[engines.NAME] kind = "llama"``: the embedded llama.cpp server on weights that geminid keeps.

    With ``replicas`` there are several of it, which share the cores. ``prefix_mib`` is how much disk the states of
    cached prefixes may take, 0 for none.
    """

    weights: str = "smollm2-135m"
    threads: Count | None = None
    context_tokens: Count | None = None
    slots: Count | None = None
    projector: str | None = None
    system: str | None = None
    prefix_mib: Annotated[int, Meta(ge=0)] = 2048
    replicas: Count = 1
    pool: Pool = Pool()


class OpenAI(_Engine, frozen=True, tag="openai", tag_field="kind"):
    """``[engines.NAME] kind = "openai"``: a server that speaks the OpenAI chat API, or several with one model.

    One server is at ``url``, several are at ``urls``. ``ca`` is a file with the certificates to trust.
    """

    url: str = ""
    urls: tuple[str, ...] = ()
    model: str = ""
    api_key_env: str | None = None
    api_key_header: str = "Authorization"
    ca: str | None = None
    dialect: Literal["auto", "generic", "llama", "lmstudio", "ollama", "sglang", "tgi", "vllm"] = "auto"
    context_tokens: Count | None = None
    sees: bool | None = None
    hears: bool | None = None
    parameters: Count | None = None
    system: str | None = None
    pool: Pool = Pool()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where the server is, or the servers are."""
        return self.urls or (self.url,)


class Scripted(_Engine, frozen=True, tag="scripted", tag_field="kind"):
    """``[engines.NAME] kind = "scripted"``: the deterministic engine; without a script it says a fixed text."""

    script: str | None = None


class Vertex(_Engine, frozen=True, tag="vertex", tag_field="kind"):
    """``[engines.NAME] kind = "vertex"``: Google's own service, or another geminid, asked in the API's own words.

    ``credentials`` is the file of a service account, or ``none``; without it or a key, they are found as Google's
    libraries find them. ``model`` is asked for in place of every id.
    """

    api: Literal["vertex", "developer"] = "vertex"
    project: str = ""
    location: str = ""
    endpoint: str = ""
    model: str = ""
    credentials: str = ""
    api_key_env: str | None = None
    ca: str | None = None


class Replay(_Engine, frozen=True, tag="replay", tag_field="kind"):
    """``[engines.NAME] kind = "replay"``: answers from recordings, a folder or a file."""

    recordings: str


EngineSettings: TypeAlias = Llama | OpenAI | Scripted | Vertex | Replay

Chain: TypeAlias = str | Annotated[tuple[str, ...], Meta(min_length=1)]
"""An engine expression, or several: where one cannot answer, the next is asked."""


def in_order(chain: Chain) -> tuple[str, ...]:
    """The engine expressions of a chain."""
    return (chain,) if isinstance(chain, str) else chain


class Media(_Table, frozen=True):
    """``[media]``: where files are fetched from, what may be spent on them, and who says what is in them.

    ``buckets`` are folders that stand for buckets of Cloud Storage, ``networks`` private networks that may be
    fetched from. ``reader``, ``labeller`` and ``transcriber`` are observers, ``describer`` an engine expression.
    """

    buckets: dict[str, str] = {}
    file_roots: list[str] = []
    networks: list[str] = []
    storage_endpoint: str | None = None
    youtube: bool = True
    max_bytes: Count = 2 * 1024**3
    seconds: Seconds = 60
    object_seconds: Seconds = 900
    redirects: Annotated[int, Meta(ge=0, le=20)] = 5
    cache_dir: str | None = None
    cache_bytes: Count = 8 * 1024**3
    memory_bytes: Count = 128 * 1024**2
    workers: Count | None = None
    reader: Literal["rapidocr", "scripted", "none"] = "rapidocr"
    labeller: Literal["efficientnet-lite0", "scripted", "none"] = "efficientnet-lite0"
    transcriber: str = "whisper-tiny-en"
    describer: str = ""


class Safety(_Table, frozen=True):
    """``[safety]``: who rates what is asked and answered, and what is withheld whatever a request says.

    ``rater`` is ``embedded``, ``judge:ENGINE`` (with ``guard``, the kind of its model), ``http`` (with ``url``),
    ``scripted[:FILE]`` or ``none``. ``blocklists`` and ``prohibited`` are files; ``spii``: identity numbers.
    """

    rater: str = "embedded"
    guard: str = "general"
    url: str = ""
    key_env: str = ""
    seconds: Seconds = 5
    on_failure: Literal["open", "closed"] = "open"
    blocklists: list[str] = []
    prohibited: list[str] = []
    leet: bool = False
    spii: bool = False


class Citations(_Table, frozen=True):
    """``[citations]``: from how many words on a verbatim run is cited, and beyond how many the answer ends."""

    cited_words: Annotated[int, Meta(ge=20)] = 20
    recited_words: Annotated[int, Meta(ge=0)] = 200


class Storage(_Table, frozen=True):
    """``[storage]``: the database, a file in the state folder unless ``url`` names another.

    ``blobs`` is the folder or bucket of what is too large for it, ``blobs_endpoint`` the server of the bucket.
    """

    url: str = ""
    blobs: str = ""
    blobs_endpoint: str = ""


class Caching(_Table, frozen=True):
    """``[caching]``: how many tokens a cached content has at least, for all models or by id in ``minimum``.

    ``read_seconds`` is how long its creation waits for the engine to read it.
    """

    minimum_tokens: Annotated[int, Meta(ge=0)] = 1
    minimum: dict[str, int] = {}
    read_seconds: Annotated[float, Meta(ge=0)] = 30


class QuotaLimits(_Table, frozen=True):
    """What one project may ask of one model; tokens are those of prompts and answers."""

    requests_per_minute: Count | None = None
    tokens_per_minute: Count | None = None
    concurrent_requests: Count | None = None


class QuotaRule(QuotaLimits, frozen=True):
    """``[[quotas.rules]]``: limits that hold instead for a project, a base model, or both. The last one counts."""

    project: str = ""
    model: str = ""


class Quotas(QuotaLimits, frozen=True):
    """``[quotas]``: the limits of every project at every model."""

    burst_seconds: Seconds = 1
    when_unreachable: Literal["allow", "refuse"] = "allow"
    rules: list[QuotaRule] = []


class Usage(_Table, frozen=True):
    """``[usage]``: whether every call is recorded, for how long, and what may wait on disk for the database."""

    records: bool = True
    keep_days: Annotated[int, Meta(ge=0)] = 400
    journal_bytes: Count = 1024**3


Amount = Annotated[float, Meta(ge=0)]
Rate: TypeAlias = Amount | dict[Literal["TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT"], Amount]


class Price(_Table, frozen=True):
    """``[prices."ID"]``: what a million tokens cost: one number, or a table by modality."""

    input: Rate = 0.0
    output: Rate = 0.0
    cached: Rate | None = None


class RayDeployment(_Table, frozen=True):
    """``[deploy.ray]``: what ``geminid deploy ray`` has Ray Serve run, and where. The server does not read it.

    ``engine`` is an engine expression of kind llama; ``model`` in place of it a model for vLLM, which ``vllm`` has
    further options of. ``address`` is that of a cluster that runs; without it a node is started here.
    """

    engine: str = "llama"
    model: str = ""
    vllm: dict[str, Any] = {}
    accelerator: str = ""
    replicas: Count = 2
    most_replicas: Count | None = None
    cores: Count | None = None
    host: str = "127.0.0.1"
    port: Port = 8000
    key_env: str = ""
    address: str = ""
    head_port: Port = 6379


class Deploy(_Table, frozen=True):
    """``[deploy]``: one table for each platform."""

    ray: RayDeployment = RayDeployment()


class ModelSettings(_Table, frozen=True):
    """``[models."ID"]``: who answers for an id. ``like`` adds an id that Google does not know."""

    engine: Chain | None = None
    like: str | None = None


class Record(_Table, frozen=True):
    """``[record]``: the folder in which every exchange is kept, for ``replay``; empty for none."""

    folder: str = ""


class WeightsSettings(_Table, frozen=True):
    """``[weights.NAME]``: a model file of the operator's own, pinned by its hash."""

    source: str
    sha256: str
    context_tokens: Count
    system: str | None = None
    licence: str = "see source"


class Settings(_Table, frozen=True):
    """The whole file."""

    engine: Chain = "llama"
    server: Server = Server()
    tls: Tls = Tls()
    auth: Auth = Auth()
    engines: dict[str, EngineSettings] = {}
    media: Media = Media()
    safety: Safety = Safety()
    citations: Citations = Citations()
    quotas: Quotas = Quotas()
    storage: Storage = Storage()
    caching: Caching = Caching()
    usage: Usage = Usage()
    record: Record = Record()
    prices: dict[str, Price] = {}
    models: dict[str, ModelSettings] = {}
    weights: dict[str, WeightsSettings] = {}
    deploy: Deploy = Deploy()

    def engine_of(self, expression: str) -> EngineSettings:
        """The engine that an engine expression names; whether there are weights of that name is not known here."""
        if expression in self.engines:
            return self.engines[expression]
        if expression in ("llama", "local"):
            return Llama()
        if expression == "vertex":
            return Vertex()
        head, _, rest = expression.partition(":")
        match head:
            case "scripted":
                return Scripted(script=rest or None)
            case "replay":
                return Replay(recordings=rest)
            case "http" | "https":
                url, _, model = expression.partition("#")
                return OpenAI(url=url, model=model)
        return Llama(weights=expression)


def checked(settings: Settings) -> Settings:
    """Settings put together from flags, held to the ranges of the file. Raises SettingsError."""
    try:
        settings = msgspec.convert(msgspec.to_builtins(settings), Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(str(error)) from error
    if settings.auth.mode == "open" and not _is_loopback(settings.server.host):
        raise SettingsError(
            f"listening on {settings.server.host} would let everyone who reaches this machine use its models. Set "
            '`mode = "strict"` under [auth] and make credentials with `geminid auth`, or listen on 127.0.0.1.'
        )
    if (settings.tls.certificate is None) != (settings.tls.key is None):
        raise SettingsError("[tls] needs both `certificate` and `key`, or neither.")
    return settings


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load(path: Path | None) -> Settings:
    """Reads ``path``; None means the defaults. Raises SettingsError naming the file and the key."""
    if path is None:
        return Settings()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(table, Settings)
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}") from error
