// Runs tool loops by the AI SDK and prints what it got. The argument: google, vertex or express.
const { generateText, isStepCount, streamText, tool } = require("ai");
const { z } = require("zod");
const { model } = require("./ai_sdk_models.cjs");

const called = [];
const weather = tool({
  description: "Tells the weather of a city.",
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => {
    called.push(city);
    return { Paris: "sunny", Rome: "rainy" }[city];
  },
});
const time = tool({ description: "Tells the time.", inputSchema: z.object({ zone: z.string() }) });
const asked = { model, tools: { get_weather: weather, get_time: time }, stopWhen: isStepCount(3) };
const prompt = "Is it warmer in Paris or in Rome?";

async function thoughts() {
  const google = { thinkingConfig: { includeThoughts: true } };
  const providerOptions = { google, vertex: google };
  const answer = await generateText({ ...asked, prompt: "What is the weather in Paris?", providerOptions });
  return [answer.steps[0].reasoningText, answer.text, answer.totalUsage.outputTokenDetails.reasoningTokens];
}

async function main() {
  const loop = await generateText({ ...asked, prompt });
  const streaming = streamText({ ...asked, prompt });
  const stream = [];
  for await (const piece of streaming.textStream) stream.push(piece);
  const messages = [{ role: "user", content: prompt }, ...loop.responseMessages, { role: "user", content: "Hi" }];
  return {
    text: loop.text,
    finish: [...loop.steps, ...(await streaming.steps)].map((step) => step.finishReason),
    stream,
    called,
    goes_on: (await generateText({ ...asked, messages })).text,
    none: (await generateText({ ...asked, prompt: "Hi", toolChoice: "none" })).text,
    thoughts: await thoughts(),
  };
}

main().then((report) => console.log(JSON.stringify(report)));
