// Keeps prompts by @google/genai, in the order of Google's pages on context caching, and prints what it got. The
// argument: v1 or v1beta1, which are Vertex AI's, or developer, which has no buckets.
const { FunctionCallingConfigMode, GoogleGenAI, Type } = require("@google/genai");

const mode = process.argv[2];
const baseUrl = process.env.GEMINID_URL;
const place = { vertexai: true, project: process.env.PROJECT, location: "us-central1" };
const { caches, models } = new GoogleGenAI(
  mode === "developer" ? { apiKey: "any", httpOptions: { baseUrl } } : { ...place, httpOptions: { baseUrl, apiVersion: mode } },
);
const model = "gemini-2.0-flash-001";
const systemInstruction = process.env.SYSTEM;
const inline = (mimeType, data) => ({ inlineData: { mimeType, data } });
const page = inline("application/pdf", process.env.PAGE);
const kept = (fileUri) => ({ fileData: { mimeType: "application/pdf", fileUri } });
const parts = mode === "developer" ? [page, page] : process.env.PAPERS.split(" ").map(kept);
const user = (...parts) => ({ role: "user", parts });

const asked = (cachedContent) => ({ model, contents: process.env.PROMPT, config: { cachedContent } });
const usageOf = ({ usageMetadata: usage }) => [usage.promptTokenCount, usage.cachedContentTokenCount, usage.totalTokenCount];
const detailsOf = ({ usageMetadata: { cacheTokensDetails } }) =>
  cacheTokensDetails.map(({ modality, tokenCount }) => [modality, tokenCount]).sort();
const codeOf = (promise) => promise.then(() => 200, (error) => error.status);

// In seconds, from its last change on. Fractions of a second may have nine digits, of which Date takes three.
const lifetime = ({ expireTime, updateTime }) => Math.round((Date.parse(expireTime) - Date.parse(updateTime)) / 1000);

async function papers() {
  const config = { contents: [user(...parts)], systemInstruction, displayName: "papers", ttl: "3600s" };
  const made = await caches.create({ model, config });

  const answer = await models.generateContent(asked(made.name));
  const chunks = [];
  for await (const chunk of await models.generateContentStream(asked(made.name))) chunks.push(chunk);

  const mine = [made.name];
  for (let more = 0; more < 2; more++) mine.unshift((await caches.create({ model, config: { contents: "Another book." } })).name);
  const listed = [];
  for await (const each of await caches.list({ config: { pageSize: 2 } })) listed.push(each.name);

  const got = await caches.get({ name: made.name });
  const longer = await caches.update({ name: made.name, config: { ttl: "7200s" } });
  const moment = new Date(Date.now() + 7 * 86_400_000);
  const changed = await caches.update({ name: made.name, config: { expireTime: moment.toISOString() } });

  for (const name of mine) await caches.delete({ name });
  return {
    made: [made.displayName, made.usageMetadata.totalTokenCount],
    named: made.model.endsWith(`models/${model}`) && made.name.includes("cachedContents/"),
    text: answer.text,
    usage: usageOf(answer),
    details: detailsOf(answer),
    stream: chunks.map((chunk) => chunk.text),
    usage_in_stream: usageOf(chunks.at(-1)),
    listed: JSON.stringify(listed.filter((name) => mine.includes(name))) === JSON.stringify(mine),
    got: [got.displayName, got.expireTime === made.expireTime],
    lives: [lifetime(made), lifetime(longer)],
    until: Date.parse(changed.expireTime) === moment.getTime(),
    gone: [await codeOf(models.generateContent(asked(made.name))), await codeOf(caches.get({ name: made.name }))],
  };
}

// All that a cache can hold: the model is told to call what only the cache declares.
async function tools() {
  const parameters = { type: Type.OBJECT, properties: { zone: { type: Type.STRING } }, required: ["zone"] };
  const functionDeclarations = ["get_date", "get_time"].map((name) => ({ name, description: name, parameters }));
  const functionCallingConfig = { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: ["get_time"] };
  const contents = [
    user(inline("image/png", process.env.PICTURE), { text: "A clock tower." }),
    { role: "model", parts: [{ text: "I see it." }] },
  ];
  const config = { contents, systemInstruction, tools: [{ functionDeclarations }], toolConfig: { functionCallingConfig } };
  const made = await caches.create({ model, config });
  const answer = await models.generateContent(asked(made.name));
  await caches.delete({ name: made.name });
  const [{ name, args }] = answer.functionCalls;
  const of_all = usageOf(answer)[1] === made.usageMetadata.totalTokenCount;
  return { called: [name, args], of_all, pictured: detailsOf(answer)[0] };
}

async function main() {
  return { ...(await papers()), ...(await tools()) };
}

main().then((report) => console.log(JSON.stringify(report)));
