// Asks by @google/generative-ai, the Developer API's first library, and prints what it got.
const { GoogleGenerativeAI } = require("@google/generative-ai");

const recipe = {
  type: "object",
  properties: { title: { type: "string" }, kind: { type: "string", format: "enum", enum: ["bread", "cake"] } },
  required: ["title", "kind"],
};
const time = {
  name: "get_time",
  parameters: { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] },
};

async function main() {
  const client = new GoogleGenerativeAI("any");
  const model = client.getGenerativeModel({ model: "gemini-1.5-flash" }, { baseUrl: process.env.GEMINID_URL });
  const prompt = process.env.PROMPT;
  const { response } = await model.generateContent(prompt);
  const streaming = await model.generateContentStream(prompt);
  const stream = [];
  for await (const chunk of streaming.stream) stream.push(chunk.text());
  const whole = await streaming.response;
  const chat = model.startChat();
  await chat.sendMessage(prompt);
  const contents = [{ role: "user", parts: [{ text: prompt }] }];
  const generationConfig = { responseMimeType: "application/json", responseSchema: recipe };
  const functionCallingConfig = { mode: "ANY", allowedFunctionNames: ["get_time"] };
  const tools = { tools: [{ functionDeclarations: [time] }], toolConfig: { functionCallingConfig } };
  const object = await model.generateContent({ contents, generationConfig });
  const [call] = (await model.generateContent({ contents, ...tools })).response.functionCalls();
  const usage = response.usageMetadata;
  return {
    text: response.text(),
    finish: response.candidates[0].finishReason,
    usage: [usage.promptTokenCount, usage.candidatesTokenCount, usage.totalTokenCount],
    stream,
    stream_finish: whole.candidates[0].finishReason,
    chat: (await chat.sendMessage(prompt)).response.text(),
    object: JSON.parse(object.response.text()),
    called: [call.name, call.args],
    counted: (await model.countTokens(prompt)).totalTokens,
  };
}

main().then((report) => console.log(JSON.stringify(report)));
