// Asks by @google/genai and prints what it got. The argument: vertex, express, developer or variables.
const { GoogleGenAI } = require("@google/genai");

const httpOptions = { baseUrl: process.env.GEMINID_URL };
const modes = {
  vertex: { vertexai: true, project: "p", location: "us-central1", httpOptions },
  express: { vertexai: true, apiKey: "any", httpOptions },
  developer: { apiKey: "any", httpOptions },
  variables: {},
};

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
  const client = new GoogleGenAI(modes[process.argv[2]]);
  const question = { model: "gemini-2.5-flash", contents: process.env.PROMPT };
  const answer = await client.models.generateContent(question);
  const chunks = [];
  for await (const chunk of await client.models.generateContentStream(question)) chunks.push(chunk);
  const chat = client.chats.create({ model: question.model });
  await chat.sendMessage({ message: question.contents });
  const models = [];
  for await (const model of await client.models.list()) models.push(model.name.split("/").at(-1));
  const schema = { responseMimeType: "application/json", responseSchema: recipe };
  const functionCallingConfig = { mode: "ANY", allowedFunctionNames: ["get_time"] };
  const tools = { tools: [{ functionDeclarations: [time] }], toolConfig: { functionCallingConfig } };
  const [call] = (await client.models.generateContent({ ...question, config: tools })).functionCalls;
  const usage = answer.usageMetadata;
  return {
    text: answer.text,
    finish: answer.candidates[0].finishReason,
    usage: [usage.promptTokenCount, usage.candidatesTokenCount, usage.totalTokenCount],
    stream: chunks.map((chunk) => chunk.text),
    stream_finish: chunks.at(-1).candidates[0].finishReason,
    chat: (await chat.sendMessage({ message: question.contents })).text,
    counted: (await client.models.countTokens(question)).totalTokens,
    model: (await client.models.get({ model: question.model })).name.endsWith(question.model),
    models,
    object: JSON.parse((await client.models.generateContent({ ...question, config: schema })).text),
    called: [call.name, call.args],
  };
}

main().then((report) => console.log(JSON.stringify(report)));
