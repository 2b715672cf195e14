"""What an answer rests on: stores to retrieve from, and the sources and citations that come back.

The retrieval messages of Google's tool.proto and vertex_rag_data.proto, the grounding and citation messages of
content.proto. Declarations only.
"""

from __future__ import annotations

from geminid.wire.message import Bytes, Duration, Float32, Int32, Message, WireEnum, field


class Retrieval(Message):
    """Retrieval from the customer's own data."""

    vertex_ai_search: VertexAISearch | None = field(2, oneof="source")
    disable_attribution: bool = field(3)
    vertex_rag_store: VertexRagStore | None = field(4, oneof="source")


class VertexAISearch(Message):
    """A Vertex AI Search data store or engine, as full resource name. ``max_results`` is 1 to 10."""

    datastore: str = field(1)
    engine: str = field(2)
    max_results: Int32 = field(3)
    filter: str = field(4)
    data_store_specs: list[DataStoreSpec] = field(5)


class DataStoreSpec(Message, proto="VertexAISearch.DataStoreSpec"):
    """One data store of an engine, with a filter."""

    data_store: str = field(1)
    filter: str = field(2)


class VertexRagStore(Message):
    """RAG corpora to retrieve from."""

    rag_corpora: list[str] = field(1)
    similarity_top_k: Int32 | None = field(2)
    vector_distance_threshold: float | None = field(3)
    rag_resources: list[RagResource] = field(4)
    rag_retrieval_config: RagRetrievalConfig | None = field(6)
    store_context: bool = field(7)


class RagResource(Message, proto="VertexRagStore.RagResource"):
    """One RAG corpus, or some files of it."""

    rag_corpus: str = field(1)
    rag_file_ids: list[str] = field(2)


class RagRetrievalConfig(Message):
    """How many contexts to retrieve, and how to filter and rank them."""

    top_k: Int32 = field(1)
    hybrid_search: HybridSearch | None = field(2)
    filter: RagFilter | None = field(3)
    ranking: RagRanking | None = field(4)


class HybridSearch(Message, proto="RagRetrievalConfig.HybridSearch"):
    """The weight of dense against sparse search, 0 to 1."""

    alpha: Float32 | None = field(1)


class RagFilter(Message, proto="RagRetrievalConfig.Filter"):
    """Which contexts to keep. A distance and a similarity exclude each other."""

    metadata_filter: str = field(2)
    vector_distance_threshold: float | None = field(3, oneof="vector_db_threshold")
    vector_similarity_threshold: float | None = field(4, oneof="vector_db_threshold")


class RagRanking(Message, proto="RagRetrievalConfig.Ranking"):
    """What reorders the contexts."""

    rank_service: RankService | None = field(1, oneof="ranking_config")
    llm_ranker: LlmRanker | None = field(3, oneof="ranking_config")


class RankService(Message, proto="RagRetrievalConfig.Ranking.RankService"):
    """Ranking by the rank service."""

    model_name: str | None = field(1)


class LlmRanker(Message, proto="RagRetrievalConfig.Ranking.LlmRanker"):
    """Ranking by a model."""

    model_name: str | None = field(1)


class CitationMetadata(Message):
    """Where parts of an answer were said before."""

    citations: list[Citation] = field(1)


class Citation(Message):
    """One source. Indexes are UTF-8 bytes of the answer, the end exclusive."""

    start_index: Int32 = field(1)
    end_index: Int32 = field(2)
    uri: str = field(3)
    title: str = field(4)
    license: str = field(5)
    publication_date: Date | None = field(6)


class Date(Message, proto="google.type.Date"):
    """A date, or a part of one: zero is unknown."""

    year: Int32 = field(1)
    month: Int32 = field(2)
    day: Int32 = field(3)


class UrlRetrievalStatus(WireEnum, proto="UrlMetadata.UrlRetrievalStatus"):
    """Whether a URL could be read."""

    URL_RETRIEVAL_STATUS_UNSPECIFIED = "URL_RETRIEVAL_STATUS_UNSPECIFIED", 0
    URL_RETRIEVAL_STATUS_SUCCESS = "URL_RETRIEVAL_STATUS_SUCCESS", 1
    URL_RETRIEVAL_STATUS_ERROR = "URL_RETRIEVAL_STATUS_ERROR", 2


class UrlContextMetadata(Message):
    """The URLs that were read for an answer."""

    url_metadata: list[UrlMetadata] = field(1)


class UrlMetadata(Message):
    """One URL that was to be read."""

    retrieved_url: str = field(1)
    url_retrieval_status: UrlRetrievalStatus | None = field(2)


class GroundingMetadata(Message):
    """What an answer was grounded on."""

    web_search_queries: list[str] = field(1)
    retrieval_queries: list[str] = field(3)
    search_entry_point: SearchEntryPoint | None = field(4)
    grounding_chunks: list[GroundingChunk] = field(5)
    grounding_supports: list[GroundingSupport] = field(6)
    retrieval_metadata: RetrievalMetadata | None = field(7)
    google_maps_widget_context_token: str | None = field(8)
    source_flagging_uris: list[SourceFlaggingUri] = field(9)


class SearchEntryPoint(Message):
    """Search suggestions as HTML; ``sdk_blob`` is JSON of (search term, URL) pairs."""

    rendered_content: str = field(1)
    sdk_blob: Bytes = field(2)


class GroundingChunk(Message):
    """One source of an answer."""

    web: Web | None = field(1, oneof="chunk_type")
    retrieved_context: RetrievedContext | None = field(2, oneof="chunk_type")
    maps: Maps | None = field(3, oneof="chunk_type")


class Web(Message, proto="GroundingChunk.Web"):
    """A web page."""

    uri: str | None = field(1)
    title: str | None = field(2)


class RetrievedContext(Message, proto="GroundingChunk.RetrievedContext"):
    """A text from the customer's own data."""

    uri: str | None = field(1)
    title: str | None = field(2)
    text: str | None = field(3)
    rag_chunk: RagChunk | None = field(4, oneof="context_details")
    document_name: str | None = field(6)


class RagChunk(Message):
    """A piece of a file of a RAG corpus."""

    text: str = field(1)
    page_span: PageSpan | None = field(2)
    file_id: str = field(3)
    chunk_id: str = field(4)


class PageSpan(Message, proto="RagChunk.PageSpan"):
    """Pages, counted from 1, both ends included."""

    first_page: Int32 = field(1)
    last_page: Int32 = field(2)


class Maps(Message, proto="GroundingChunk.Maps"):
    """A place."""

    uri: str | None = field(1)
    title: str | None = field(2)
    text: str | None = field(3)
    place_id: str | None = field(4)
    place_answer_sources: PlaceAnswerSources | None = field(5)
    route: Route | None = field(6)


class PlaceAnswerSources(Message, proto="GroundingChunk.Maps.PlaceAnswerSources"):
    """What an answer about a place rests on."""

    review_snippets: list[ReviewSnippet] = field(1)


class ReviewSnippet(Message, proto="GroundingChunk.Maps.PlaceAnswerSources.ReviewSnippet"):
    """A review of a place."""

    review_id: str = field(1)
    google_maps_uri: str = field(2)
    title: str = field(3)


class Route(Message, proto="GroundingChunk.Maps.Route"):
    """A route. The polyline is in Google's encoded form."""

    distance_meters: Int32 = field(1)
    duration: Duration | None = field(2)
    encoded_polyline: str = field(3)


class GroundingSupport(Message):
    """Which sources support a segment. Scores are 0 to 1, one for each chunk."""

    segment: Segment | None = field(1)
    grounding_chunk_indices: list[Int32] = field(2)
    confidence_scores: list[Float32] = field(3)


class Segment(Message):
    """A stretch of one part. Indexes are UTF-8 bytes, the end exclusive."""

    part_index: Int32 = field(1)
    start_index: Int32 = field(2)
    end_index: Int32 = field(3)
    text: str = field(4)


class RetrievalMetadata(Message):
    """How much search was expected to help, 0 to 1."""

    google_search_dynamic_retrieval_score: Float32 = field(2)


class SourceFlaggingUri(Message, proto="GroundingMetadata.SourceFlaggingUri"):
    """Where to report a review."""

    source_id: str = field(1)
    flag_content_uri: str = field(2)
