// Calls functions and asks for a schema by @google/genai, and prints what it got. The argument: vertex or developer.
const { FunctionCallingConfigMode, GoogleGenAI, Type } = require("@google/genai");

const httpOptions = { baseUrl: process.env.GEMINID_URL };
const modes = {
  vertex: { vertexai: true, project: "p", location: "us-central1", httpOptions },
  developer: { apiKey: "any", httpOptions },
};
const client = new GoogleGenAI(modes[process.argv[2]]);
const weather = {
  name: "get_weather",
  description: "Tells the weather of a city.",
  parametersJsonSchema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};
const time = {
  name: "get_time",
  parameters: {
    type: Type.OBJECT,
    properties: { zone: { type: Type.STRING, enum: ["Europe/Rome", "UTC"] } },
    required: ["zone"],
  },
};
const config = { tools: [{ functionDeclarations: [weather, time] }] };
const model = "gemini-2.5-flash";
const question = "Is it warmer in Paris or in Rome?";

const respond = (calls) =>
  calls.map(({ id, name, args }) => {
    const result = { Paris: "sunny", Rome: "rainy" }[args.city];
    return { functionResponse: { id, name, response: { result } } };
  });

async function whole() {
  const chat = client.chats.create({ model, config });
  const { functionCalls } = await chat.sendMessage({ message: question });
  const answer = await chat.sendMessage({ message: respond(functionCalls) });
  return [answer.text, functionCalls.map((call) => call.args.city)];
}

async function stream() {
  const chat = client.chats.create({ model, config });
  const calls = [];
  for await (const chunk of await chat.sendMessageStream({ message: question })) calls.push(...(chunk.functionCalls ?? []));
  const texts = [];
  for await (const chunk of await chat.sendMessageStream({ message: respond(calls) })) texts.push(chunk.text);
  return [texts, (await chat.sendMessage({ message: "And now?" })).text];
}

async function thoughts() {
  const thinking = { ...config, thinkingConfig: { includeThoughts: true } };
  const asked = { model, contents: "What is the weather in Paris?", config: thinking };
  const { candidates } = await client.models.generateContent(asked);
  return candidates[0].content.parts.filter((part) => part.thought).map((part) => part.text);
}

async function none() {
  const functionCallingConfig = { mode: FunctionCallingConfigMode.NONE };
  const asked = { model, contents: "Hello", config: { ...config, toolConfig: { functionCallingConfig } } };
  return (await client.models.generateContent(asked)).text;
}

async function main() {
  const [text, called] = await whole();
  const [texts, goes_on] = await stream();
  return { text, called, stream: texts, goes_on, thoughts: await thoughts(), none: await none() };
}

main().then((report) => console.log(JSON.stringify(report)));
