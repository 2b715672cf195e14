// Asks by openai and prints what it got. The argument is the base path of the API on the server.
const { OpenAI } = require("openai");

const recipe = {
  type: "object",
  properties: { title: { type: "string" }, kind: { type: "string", enum: ["bread", "cake"] } },
  required: ["title", "kind"],
};
const parameters = { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] };
const schema = { response_format: { type: "json_schema", json_schema: { name: "recipe", schema: recipe } } };
const tools = {
  tools: [{ type: "function", function: { name: "get_time", parameters } }],
  tool_choice: { type: "function", function: { name: "get_time" } },
};

async function main() {
  const path = process.argv[2];
  const model = path.includes("endpoints") ? "google/gemini-2.5-flash" : "gemini-2.5-flash";
  const client = new OpenAI({ baseURL: process.env.GEMINID_URL + path, apiKey: "any" });
  const question = { model, messages: [{ role: "user", content: process.env.PROMPT }] };
  const answer = await client.chat.completions.create(question);
  const options = { stream: true, stream_options: { include_usage: true } };
  const said = [];
  for await (const chunk of await client.chat.completions.create({ ...question, ...options }))
    said.push(...chunk.choices);
  const object = await client.chat.completions.create({ ...question, ...schema });
  const forced = await client.chat.completions.create({ ...question, ...tools });
  const call = forced.choices[0].message.tool_calls[0].function;
  return {
    object: JSON.parse(object.choices[0].message.content),
    called: [call.name, JSON.parse(call.arguments)],
    text: answer.choices[0].message.content,
    finish: answer.choices[0].finish_reason.toUpperCase(),
    usage: [answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens],
    stream: said.map((choice) => choice.delta.content ?? ""),
    stream_finish: said.at(-1).finish_reason.toUpperCase(),
  };
}

main().then((report) => console.log(JSON.stringify(report)));
