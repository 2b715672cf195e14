// Asks by google-cloud-vertexai and prints what it got. The argument is the transport: grpc or rest.
import com.google.cloud.vertexai.Transport;
import com.google.cloud.vertexai.VertexAI;
import com.google.cloud.vertexai.api.GenerateContentResponse;
import com.google.cloud.vertexai.api.LlmUtilityServiceClient;
import com.google.cloud.vertexai.api.LlmUtilityServiceSettings;
import com.google.cloud.vertexai.api.PredictionServiceClient;
import com.google.cloud.vertexai.api.PredictionServiceSettings;
import com.google.cloud.vertexai.generativeai.GenerativeModel;
import com.google.cloud.vertexai.generativeai.ResponseHandler;
import com.google.gson.Gson;
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
      var usage = answer.getUsageMetadata();
      System.out.println(new Gson().toJson(Map.of(
          "text", ResponseHandler.getText(answer),
          "finish", ResponseHandler.getFinishReason(answer).name(),
          "usage",
          List.of(usage.getPromptTokenCount(), usage.getCandidatesTokenCount(), usage.getTotalTokenCount()),
          "stream", stream,
          "stream_finish", finish,
          "chat", ResponseHandler.getText(chat.sendMessage(prompt)),
          "counted", model.countTokens(prompt).getTotalTokens())));
    }
  }
}
