// Asks by google-genai and prints what it got. The argument: vertex or developer.
import com.fasterxml.jackson.databind.ObjectMapper;
import com.google.genai.Client;
import com.google.genai.types.FunctionCallingConfig;
import com.google.genai.types.FunctionDeclaration;
import com.google.genai.types.GenerateContentConfig;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.Schema;
import com.google.genai.types.Tool;
import com.google.genai.types.ToolConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

public class AskGenAI {
  static String last(String name) {
    return name.substring(name.lastIndexOf('/') + 1);
  }

  static Schema text(String... allowed) {
    var schema = Schema.builder().type("STRING");
    return (allowed.length == 0 ? schema : schema.enum_(allowed)).build();
  }

  static Schema object(Map<String, Schema> properties, String... order) {
    return Schema.builder().type("OBJECT").properties(properties).required(order).propertyOrdering(order).build();
  }

  static GenerateContentConfig recipe() {
    var schema = object(Map.of("title", text(), "kind", text("bread", "cake")), "title", "kind");
    return GenerateContentConfig.builder().responseMimeType("application/json").responseSchema(schema).build();
  }

  static GenerateContentConfig time() {
    var declaration = FunctionDeclaration.builder().name("get_time").parameters(object(Map.of("zone", text()), "zone"));
    var calling = FunctionCallingConfig.builder().mode("ANY").allowedFunctionNames("get_time");
    return GenerateContentConfig.builder()
        .tools(Tool.builder().functionDeclarations(declaration))
        .toolConfig(ToolConfig.builder().functionCallingConfig(calling)).build();
  }

  public static void main(String[] arguments) throws Exception {
    String model = "gemini-2.5-flash", prompt = System.getenv("PROMPT");
    var http = HttpOptions.builder().baseUrl(System.getenv("GEMINID_URL")).build();
    var builder = Client.builder().httpOptions(http);
    if (arguments[0].equals("vertex")) {
      builder.vertexAI(true).project("p").location("us-central1");
    } else {
      builder.apiKey("any");
    }
    Map<String, Object> report = new HashMap<>();
    try (Client client = builder.build()) {
      var answer = client.models.generateContent(model, prompt, null);
      var usage = answer.usageMetadata().get();
      report.put("text", answer.text());
      report.put("finish", answer.finishReason().toString());
      report.put("usage", List.of(
          usage.promptTokenCount().get(), usage.candidatesTokenCount().get(), usage.totalTokenCount().get()));
      List<String> stream = new ArrayList<>();
      try (var chunks = client.models.generateContentStream(model, prompt, null)) {
        for (var chunk : chunks) {
          stream.add(chunk.text() == null ? "" : chunk.text());
          report.put("stream_finish", chunk.finishReason().toString());
        }
      }
      report.put("stream", stream);
      var chat = client.chats.create(model);
      chat.sendMessage(prompt);
      report.put("chat", chat.sendMessage(prompt).text());
      report.put("counted", client.models.countTokens(model, prompt, null).totalTokens().get());
      report.put("model", client.models.get(model, null).name().get().endsWith(model));
      List<String> models = new ArrayList<>();
      client.models.list(null).forEach(found -> models.add(last(found.name().get())));
      report.put("models", models);
      var json = new ObjectMapper();
      report.put("object", json.readTree(client.models.generateContent(model, prompt, recipe()).text()));
      var call = client.models.generateContent(model, prompt, time()).functionCalls().get(0);
      report.put("called", List.of(call.name().get(), call.args().get()));
    }
    System.out.println(new ObjectMapper().writeValueAsString(report));
  }
}
