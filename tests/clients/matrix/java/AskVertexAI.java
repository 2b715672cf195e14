// Asks by google-cloud-vertexai and prints what it got. The argument is the transport: grpc or rest.
import com.google.cloud.vertexai.Transport;
import com.google.cloud.vertexai.VertexAI;
import com.google.cloud.vertexai.api.FunctionCall;
import com.google.cloud.vertexai.api.FunctionCallingConfig;
import com.google.cloud.vertexai.api.FunctionDeclaration;
import com.google.cloud.vertexai.api.GenerateContentResponse;
import com.google.cloud.vertexai.api.GenerationConfig;
import com.google.cloud.vertexai.api.LlmUtilityServiceClient;
import com.google.cloud.vertexai.api.LlmUtilityServiceSettings;
import com.google.cloud.vertexai.api.PredictionServiceClient;
import com.google.cloud.vertexai.api.PredictionServiceSettings;
import com.google.cloud.vertexai.api.Schema;
import com.google.cloud.vertexai.api.Tool;
import com.google.cloud.vertexai.api.ToolConfig;
import com.google.cloud.vertexai.api.Type;
import com.google.cloud.vertexai.generativeai.GenerativeModel;
import com.google.cloud.vertexai.generativeai.ResponseHandler;
import com.google.gson.Gson;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

public class AskVertexAI {
  static final String TLS = System.getenv("GEMINID_TLS");

  /** VertexAI.Builder.setApiEndpoint would add :443. */
  static PredictionServiceClient prediction(boolean rest) {
    var settings = rest ? PredictionServiceSettings.newHttpJsonBuilder() : PredictionServiceSettings.newBuilder();
    try {
      return PredictionServiceClient.create(settings.setEndpoint(TLS).build());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static LlmUtilityServiceClient counting(boolean rest) {
    var settings = rest ? LlmUtilityServiceSettings.newHttpJsonBuilder() : LlmUtilityServiceSettings.newBuilder();
    try {
      return LlmUtilityServiceClient.create(settings.setEndpoint(TLS).build());
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  static Schema text(String... allowed) {
    return Schema.newBuilder().setType(Type.STRING).addAllEnum(List.of(allowed)).build();
  }

  static Schema object(Map<String, Schema> properties, String... order) {
    return Schema.newBuilder().setType(Type.OBJECT).putAllProperties(properties)
        .addAllRequired(List.of(order)).addAllPropertyOrdering(List.of(order)).build();
  }

  static GenerationConfig recipe() {
    var schema = object(Map.of("title", text(), "kind", text("bread", "cake")), "title", "kind");
    return GenerationConfig.newBuilder().setResponseMimeType("application/json").setResponseSchema(schema).build();
  }

  static FunctionCall call(GenerativeModel model, String prompt) throws IOException {
    var time = FunctionDeclaration.newBuilder().setName("get_time").setParameters(object(Map.of("zone", text()), "zone"));
    var calling = FunctionCallingConfig.newBuilder()
        .setMode(FunctionCallingConfig.Mode.ANY).addAllowedFunctionNames("get_time");
    var answer = model.withTools(List.of(Tool.newBuilder().addFunctionDeclarations(time).build()))
        .withToolConfig(ToolConfig.newBuilder().setFunctionCallingConfig(calling).build()).generateContent(prompt);
    return ResponseHandler.getFunctionCalls(answer).get(0);
  }

  public static void main(String[] arguments) throws Exception {
    boolean rest = arguments[0].equals("rest");
    String prompt = System.getenv("PROMPT");
    var builder = new VertexAI.Builder().setProjectId("p").setLocation("us-central1")
        .setTransport(rest ? Transport.REST : Transport.GRPC)
        .setPredictionClientSupplier(() -> prediction(rest)).setLlmClientSupplier(() -> counting(rest));
    try (VertexAI vertexAI = builder.build()) {
      var model = new GenerativeModel("gemini-1.5-flash-002", vertexAI);
      GenerateContentResponse answer = model.generateContent(prompt);
      List<String> stream = new ArrayList<>();
      String finish = null;
      for (GenerateContentResponse chunk : model.generateContentStream(prompt)) {
        stream.add(chunk.getCandidates(0).getContent().getParts(0).getText());
        finish = chunk.getCandidates(0).getFinishReason().name();
      }
      var chat = model.startChat();
      chat.sendMessage(prompt);
      String json = ResponseHandler.getText(model.withGenerationConfig(recipe()).generateContent(prompt));
      FunctionCall call = call(model, prompt);
      String zone = call.getArgs().getFieldsOrThrow("zone").getStringValue();
      var usage = answer.getUsageMetadata();
      System.out.println(new Gson().toJson(Map.of(
          "text", ResponseHandler.getText(answer),
          "finish", ResponseHandler.getFinishReason(answer).name(),
          "usage",
          List.of(usage.getPromptTokenCount(), usage.getCandidatesTokenCount(), usage.getTotalTokenCount()),
          "stream", stream,
          "stream_finish", finish,
          "chat", ResponseHandler.getText(chat.sendMessage(prompt)),
          "counted", model.countTokens(prompt).getTotalTokens(),
          "object", JsonParser.parseString(json),
          "called", List.of(call.getName(), Map.of("zone", zone)))));
    }
  }
}
