// Asks by @google/generative-ai, the Developer API's first library, and prints what it got.
const { GoogleGenerativeAI } = require("@google/generative-ai");

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
  const usage = response.usageMetadata;
  return {
    text: response.text(),
    finish: response.candidates[0].finishReason,
    usage: [usage.promptTokenCount, usage.candidatesTokenCount, usage.totalTokenCount],
    stream,
    stream_finish: whole.candidates[0].finishReason,
    chat: (await chat.sendMessage(prompt)).response.text(),
    counted: (await model.countTokens(prompt)).totalTokens,
  };
}

main().then((report) => console.log(JSON.stringify(report)));
