// Keeps prompts by google-genai, in the order of Google's pages on context caching, and prints what it got. The
// argument: v1 or v1beta1, which are Vertex AI's, or developer, which has no buckets.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.genai.Client;
import com.google.genai.errors.ApiException;
import com.google.genai.types.CachedContent;
import com.google.genai.types.Content;
import com.google.genai.types.CreateCachedContentConfig;
import com.google.genai.types.FunctionCallingConfig;
import com.google.genai.types.FunctionDeclaration;
import com.google.genai.types.GenerateContentConfig;
import com.google.genai.types.GenerateContentResponse;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.ListCachedContentsConfig;
import com.google.genai.types.Part;
import com.google.genai.types.Schema;
import com.google.genai.types.Tool;
import com.google.genai.types.ToolConfig;
import com.google.genai.types.UpdateCachedContentConfig;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class CachesGenAI {
  static final String MODEL = "gemini-2.0-flash-001", PROMPT = System.getenv("PROMPT");
  static final Content SYSTEM = Content.fromParts(Part.fromText(System.getenv("SYSTEM")));
  static final Map<String, Object> report = new HashMap<>();

  static Client connect(String mode) {
    var http = HttpOptions.builder().baseUrl(System.getenv("GEMINID_URL"));
    if (mode.equals("developer")) {
      return Client.builder().apiKey("any").httpOptions(http.build()).build();
    }
    http.apiVersion(mode);
    var builder = Client.builder().vertexAI(true).project(System.getenv("PROJECT")).location("us-central1");
    return builder.httpOptions(http.build()).build();
  }

  static Part bytes(String variable, String type) {
    return Part.fromBytes(Base64.getDecoder().decode(System.getenv(variable)), type);
  }

  static Content papers(String mode) {
    var parts = Arrays.stream(System.getenv("PAPERS").split(" ")).map(uri ->
        mode.equals("developer") ? bytes("PAGE", "application/pdf") : Part.fromUri(uri, "application/pdf"));
    return Content.fromParts(parts.toArray(Part[]::new));
  }

  static GenerateContentConfig using(CachedContent cached) {
    return GenerateContentConfig.builder().cachedContent(cached.name().get()).build();
  }

  static List<Integer> usage(GenerateContentResponse response) {
    var told = response.usageMetadata().get();
    return List.of(
        told.promptTokenCount().get(), told.cachedContentTokenCount().get(), told.totalTokenCount().get());
  }

  static List<List<Object>> details(GenerateContentResponse response) {
    return response.usageMetadata().get().cacheTokensDetails().get().stream()
        .map(one -> List.<Object>of(one.modality().get().toString(), one.tokenCount().get()))
        .sorted((one, other) -> one.get(0).toString().compareTo(other.get(0).toString())).toList();
  }

  // In seconds, from its last change on.
  static long lifetime(CachedContent cached) {
    return Duration.between(cached.updateTime().get(), cached.expireTime().get()).toSeconds();
  }

  static int code(Runnable act) {
    try {
      act.run();
      return 200;
    } catch (ApiException error) {
      return error.code();
    }
  }

  static void fromMakingToEnd(Client client, String mode) {
    var config = CreateCachedContentConfig.builder();
    config.contents(papers(mode)).systemInstruction(SYSTEM).displayName("papers").ttl(Duration.ofHours(1));
    var made = client.caches.create(MODEL, config.build());
    String name = made.name().get();
    report.put("made", List.of(made.displayName().get(), made.usageMetadata().get().totalTokenCount().get()));
    report.put("named", made.model().get().endsWith("models/" + MODEL) && name.contains("cachedContents/"));

    var answer = client.models.generateContent(MODEL, PROMPT, using(made));
    report.put("text", answer.text());
    report.put("usage", usage(answer));
    report.put("details", details(answer));
    List<String> stream = new ArrayList<>();
    try (var chunks = client.models.generateContentStream(MODEL, PROMPT, using(made))) {
      for (var chunk : chunks) {
        stream.add(chunk.text() == null ? "" : chunk.text());
        chunk.usageMetadata().filter(told -> told.totalTokenCount().isPresent())
            .ifPresent(told -> report.put("usage_in_stream", usage(chunk)));
      }
    }
    report.put("stream", stream);

    List<String> mine = new ArrayList<>(List.of(name)), listed = new ArrayList<>();
    var book = CreateCachedContentConfig.builder().contents(Content.fromParts(Part.fromText("Another book.")));
    for (int more = 0; more < 2; more++) {
      mine.add(0, client.caches.create(MODEL, book.build()).name().get());
    }
    for (var each : client.caches.list(ListCachedContentsConfig.builder().pageSize(2).build())) {
      listed.add(each.name().get());
    }
    listed.retainAll(mine);
    report.put("listed", listed.equals(mine));

    var got = client.caches.get(name, null);
    report.put("got", List.of(got.displayName().get(), got.expireTime().equals(made.expireTime())));
    var update = UpdateCachedContentConfig.builder();
    var longer = client.caches.update(name, update.ttl(Duration.ofHours(2)).build());
    report.put("lives", List.of(lifetime(made), lifetime(longer)));
    var moment = Instant.now().plus(7, ChronoUnit.DAYS).truncatedTo(ChronoUnit.MICROS);
    var changed = client.caches.update(name, update.clearTtl().expireTime(moment).build());
    report.put("until", changed.expireTime().get().equals(moment));

    mine.forEach(each -> client.caches.delete(each, null));
    report.put("gone", List.of(
        code(() -> client.models.generateContent(MODEL, PROMPT, using(made))),
        code(() -> client.caches.get(name, null))));
  }

  // All that a cache can hold: the model is told to call what only the cache declares.
  static void tools(Client client) {
    var zone = Map.of("zone", Schema.builder().type("STRING").build());
    var parameters = Schema.builder().type("OBJECT").properties(zone).required("zone").build();
    var calling = FunctionCallingConfig.builder().mode("ANY").allowedFunctionNames("get_time");
    var config = CreateCachedContentConfig.builder()
        .contents(
            Content.fromParts(bytes("PICTURE", "image/png"), Part.fromText("A clock tower.")),
            Content.builder().role("model").parts(Part.fromText("I see it.")).build())
        .systemInstruction(SYSTEM)
        .tools(Tool.builder().functionDeclarations(
            FunctionDeclaration.builder().name("get_date").parameters(parameters).build(),
            FunctionDeclaration.builder().name("get_time").parameters(parameters).build()))
        .toolConfig(ToolConfig.builder().functionCallingConfig(calling));
    var made = client.caches.create(MODEL, config.build());
    var answer = client.models.generateContent(MODEL, PROMPT, using(made));
    client.caches.delete(made.name().get(), null);
    var call = answer.functionCalls().get(0);
    report.put("called", List.of(call.name().get(), call.args().get()));
    report.put("of_all", usage(answer).get(1).equals(made.usageMetadata().get().totalTokenCount().get()));
    report.put("pictured", details(answer).get(0));
  }

  public static void main(String[] arguments) throws Exception {
    try (Client client = connect(arguments[0])) {
      fromMakingToEnd(client, arguments[0]);
      tools(client);
    }
    System.out.println(new ObjectMapper().writeValueAsString(report));
  }
}
