// Keeps prompts by @google-cloud/vertexai, in the order of Google's pages on context caching, and prints what it got.
// Its cachedContents go to Google's host whatever the apiEndpoint: this runs under `geminid run`.
const { VertexAI } = require("@google-cloud/vertexai");

const { preview } = new VertexAI({ project: process.env.PROJECT, location: "us-central1" });
const { cachedContents } = preview;
const model = "gemini-2.0-flash-001";
const systemInstruction = process.env.SYSTEM;
const user = (...parts) => ({ role: "user", parts });
const question = { contents: [user({ text: process.env.PROMPT })] };
const papers = process.env.PAPERS.split(" ").map((fileUri) => ({ fileData: { mimeType: "application/pdf", fileUri } }));

const textOf = ({ candidates: [{ content }] }) => content.parts.map((part) => part.text).join("");
const usageOf = ({ usageMetadata: usage }) => [usage.promptTokenCount, usage.cachedContentTokenCount, usage.totalTokenCount];
const detailsOf = ({ usageMetadata: { cacheTokensDetails } }) =>
  cacheTokensDetails.map(({ modality, tokenCount }) => [modality, tokenCount]).sort();
const codeOf = (promise) => promise.then(() => 200, (error) => error.code ?? Number(/got status: (\d+)/.exec(error.message)[1]));

// In seconds, from its last change on.
const lifetime = ({ expireTime, updateTime }) => Math.round((Date.parse(expireTime) - Date.parse(updateTime)) / 1000);

async function listedBy(pageSize) {
  const names = [];
  let token;
  do {
    const page = await cachedContents.list(pageSize, token);
    names.push(...page.cachedContents.map((each) => each.name));
    token = page.nextPageToken;
  } while (token);
  return names;
}

async function fromMakingToEnd() {
  const contents = [user(...papers)];
  const made = await cachedContents.create({ model, systemInstruction, contents, displayName: "papers", ttl: "3600s" });

  const reader = preview.getGenerativeModelFromCachedContent(made);
  const { response } = await reader.generateContent(question);
  const streaming = await reader.generateContentStream(question);
  const chunks = [];
  for await (const chunk of streaming.stream) chunks.push(chunk);
  const chat = await reader.startChat().sendMessage(process.env.PROMPT);

  const mine = [made.name];
  const book = [user({ text: "Another book." })];
  for (let more = 0; more < 2; more++) mine.unshift((await cachedContents.create({ model, contents: book })).name);
  const listed = await listedBy(2);

  const id = made.name.split("/").at(-1);
  const got = await cachedContents.get(id);
  const longer = await cachedContents.update({ name: id, ttl: "7200s" }, ["ttl"]);
  const moment = new Date(Date.now() + 7 * 86_400_000);
  const changed = await cachedContents.update({ name: made.name, expireTime: moment.toISOString() }, ["expireTime"]);

  for (const name of mine) await cachedContents.delete(name);
  return {
    made: [made.displayName, made.usageMetadata.totalTokenCount],
    named: made.model === `projects/${process.env.PROJECT}/locations/us-central1/publishers/google/models/${model}`,
    text: textOf(response),
    usage: usageOf(response),
    details: detailsOf(response),
    stream: chunks.map(textOf),
    usage_in_stream: usageOf(await streaming.response),
    chat: textOf(chat.response),
    listed: JSON.stringify(listed) === JSON.stringify(mine),
    got: [got.displayName, got.expireTime === made.expireTime],
    lives: [lifetime(made), lifetime(longer)],
    until: Date.parse(changed.expireTime) === moment.getTime(),
    gone: [await codeOf(reader.generateContent(question)), await codeOf(cachedContents.get(made.name))],
  };
}

// All that a cache can hold: the model is told to call what only the cache declares.
async function tools() {
  const parameters = { type: "OBJECT", properties: { zone: { type: "STRING" } }, required: ["zone"] };
  const functionDeclarations = ["get_date", "get_time"].map((name) => ({ name, description: name, parameters }));
  const made = await cachedContents.create({
    model,
    systemInstruction,
    contents: [
      user({ inlineData: { mimeType: "image/png", data: process.env.PICTURE } }, { text: "A clock tower." }),
      { role: "model", parts: [{ text: "I see it." }] },
    ],
    tools: [{ functionDeclarations }],
    toolConfig: { functionCallingConfig: { mode: "ANY", allowedFunctionNames: ["get_time"] } },
  });
  const { response } = await preview.getGenerativeModelFromCachedContent(made).generateContent(question);
  await cachedContents.delete(made.name);
  const { name, args } = response.candidates[0].content.parts[0].functionCall;
  const of_all = usageOf(response)[1] === made.usageMetadata.totalTokenCount;
  return { called: [name, args], of_all, pictured: detailsOf(response)[0] };
}

async function main() {
  return { ...(await fromMakingToEnd()), ...(await tools()) };
}

main().then((report) => console.log(JSON.stringify(report)));
