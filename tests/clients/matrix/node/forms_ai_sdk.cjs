// Asks for objects and for a call by the AI SDK and prints what it got. The argument: google, vertex or express.
const { generateObject, generateText, Output, streamObject, streamText, tool } = require("ai");
const { z } = require("zod");
const { model } = require("./ai_sdk_models.cjs");

const schema = z.object({
  title: z.string().max(40),
  kind: z.enum(["bread", "cake"]),
  steps: z.array(z.object({ minutes: z.number().int().min(1).max(60), hot: z.boolean().optional() })).max(2),
  author: z.string().max(20).nullable(),
});
const asked = { model, prompt: "A recipe for bread.", maxOutputTokens: 200, seed: 1 };
const tools = {
  get_time: tool({ description: "Tells the time.", inputSchema: z.object({ zone: z.enum(["Europe/Rome", "UTC"]) }) }),
  get_weather: tool({ description: "Tells the weather.", inputSchema: z.object({ city: z.string() }) }),
};

async function last(pieces) {
  const all = [];
  for await (const piece of pieces) all.push(piece);
  return all.at(-1);
}

async function main() {
  const output = Output.object({ schema });
  const toolChoice = { type: "tool", toolName: "get_time" };
  const named = await generateText({ ...asked, tools, toolChoice });
  const required = await generateText({ ...asked, tools, toolChoice: "required", activeTools: ["get_time"] });
  return {
    objects: [
      (await generateText({ ...asked, output })).output,
      await last(streamText({ ...asked, output }).partialOutputStream),
      (await generateObject({ ...asked, schema })).object,
      await last(streamObject({ ...asked, schema }).partialObjectStream),
    ],
    choice: (await generateText({ ...asked, output: Output.choice({ options: ["bread", "cake"] }) })).output,
    calls: [...named.toolCalls, ...required.toolCalls].map((call) => [call.toolName, call.input]),
  };
}

main().then((report) => console.log(JSON.stringify(report)));
