// Asks by @google-cloud/vertexai, which is always TLS, and prints what it got. Its chat sessions ignore apiEndpoint.
const { VertexAI } = require("@google-cloud/vertexai");

const recipe = {
  type: "OBJECT",
  properties: { title: { type: "STRING" }, kind: { type: "STRING", enum: ["bread", "cake"] } },
  required: ["title", "kind"],
};
const time = {
  name: "get_time",
  parameters: { type: "OBJECT", properties: { zone: { type: "STRING" } }, required: ["zone"] },
};

async function main() {
  const place = { project: "p", location: "us-central1", apiEndpoint: process.env.GEMINID_TLS };
  const model = new VertexAI(place).getGenerativeModel({ model: "gemini-1.5-flash-002" });
  const question = { contents: [{ role: "user", parts: [{ text: process.env.PROMPT }] }] };
  const { response } = await model.generateContent(question);
  const streaming = await model.generateContentStream(question);
  const chunks = [];
  for await (const chunk of streaming.stream) chunks.push(chunk);
  const whole = await streaming.response;
  const generationConfig = { responseMimeType: "application/json", responseSchema: recipe };
  const functionCallingConfig = { mode: "ANY", allowedFunctionNames: ["get_time"] };
  const tools = { tools: [{ functionDeclarations: [time] }], toolConfig: { functionCallingConfig } };
  const object = await model.generateContent({ ...question, generationConfig });
  const forced = await model.generateContent({ ...question, ...tools });
  const { functionCall } = forced.response.candidates[0].content.parts[0];
  const usage = response.usageMetadata;
  return {
    text: response.candidates[0].content.parts[0].text,
    finish: response.candidates[0].finishReason,
    usage: [usage.promptTokenCount, usage.candidatesTokenCount, usage.totalTokenCount],
    stream: chunks.map((chunk) => chunk.candidates[0].content.parts[0].text),
    stream_finish: whole.candidates[0].finishReason,
    object: JSON.parse(object.response.candidates[0].content.parts[0].text),
    called: [functionCall.name, functionCall.args],
    counted: (await model.countTokens(question)).totalTokens,
  };
}

main().then((report) => console.log(JSON.stringify(report)));
