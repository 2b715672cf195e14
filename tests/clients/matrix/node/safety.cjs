// Asks the judged server and prints what it got. The argument: vertexai, generative-ai, vertex or developer, the last
// two being the modes of @google/genai. All of them give answers in the form of the API they speak.
const model = "gemini-1.5-flash-001";
const prompt = "HARASSMENT:HIGH, you.";
const contents = (text) => [{ role: "user", parts: [{ text }] }];

const genai = (options) => {
  const { GoogleGenAI } = require("@google/genai");
  const { models } = new GoogleGenAI({ ...options, httpOptions: { baseUrl: process.env.GEMINID_URL } });
  const asked = (text, safetySettings) => ({ model, contents: text, config: { safetySettings } });
  return {
    ask: (...question) => models.generateContent(asked(...question)),
    stream: async (...question) => ({ stream: await models.generateContentStream(asked(...question)) }),
  };
};
const generative = (made) => ({
  ask: async (text, safetySettings) => (await made.generateContent({ contents: contents(text), safetySettings })).response,
  stream: (text, safetySettings) => made.generateContentStream({ contents: contents(text), safetySettings }),
});
const libraries = {
  vertex: () => genai({ vertexai: true, project: "p", location: "us-central1" }),
  developer: () => genai({ apiKey: "any" }),
  vertexai: () => {
    const { VertexAI } = require("@google-cloud/vertexai");
    const place = { project: "p", location: "us-central1", apiEndpoint: process.env.GEMINID_TLS };
    return generative(new VertexAI(place).getGenerativeModel({ model }));
  },
  "generative-ai": () => {
    const { GoogleGenerativeAI } = require("@google/generative-ai");
    const client = new GoogleGenerativeAI("any");
    return generative(client.getGenerativeModel({ model }, { baseUrl: process.env.GEMINID_URL }));
  },
};

const harassment = (setting) => [{ category: "HARM_CATEGORY_HARASSMENT", ...setting }];
const written = ({ candidates }) => (candidates[0].content?.parts ?? []).map((part) => part.text).join("");
const category = (rating) => rating.category.replace("HARM_CATEGORY_", "");
const blamed = (ratings) => ratings.filter((rating) => rating.blocked).map(category);
const citationsOf = ({ candidates: [{ citationMetadata: found }] }) => found?.citations ?? found?.citationSources ?? [];

function cited(answer) {
  const bytes = Buffer.from(written(answer));
  const text = ({ startIndex, endIndex }) => bytes.subarray(startIndex, endIndex).toString();
  return citationsOf(answer).map((one) => [text(one), one.uri, one.license]);
}

// What only Vertex AI tells.
async function told(ask, rating, quote) {
  const severe = { threshold: "BLOCK_MEDIUM_AND_ABOVE", method: "SEVERITY" };
  const date = ({ year, month = 0, day = 0 }) => [year, month, day];
  return {
    scores: [rating.probabilityScore, rating.severity.replace("HARM_SEVERITY_", ""), rating.severityScore],
    by_severity: written(await ask("harsh", harassment(severe))),
    told: citationsOf(quote).map((one) => [one.title, ...date(one.publicationDate)]),
  };
}

// What the first library of the Developer API throws for a text that is not there.
function thrown(...answers) {
  return answers.map((answer) => {
    try {
      return answer.text();
    } catch (error) {
      return error.message.replace(/^.*?\]: /, "");
    }
  });
}

async function collected({ stream }) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

// Of the whole that a library makes of a stream, where it does.
async function citationsIn({ stream, response }) {
  return response ? citationsOf(await response) : (await collected({ stream })).flatMap(citationsOf);
}

async function main(library) {
  const { ask, stream } = libraries[library]();
  const mild = await ask("mild");
  const ratings = mild.candidates[0].safetyRatings;
  const blocked = await ask(prompt);
  const harsh = await ask("harsh");
  const far = await collected(await stream("far"));
  const last = far.pop();
  const quote = await ask("quote");
  const report = {
    text: written(mild),
    ratings: ratings.map((rating) => [category(rating), rating.probability]),
    blocked_prompt: [blocked.promptFeedback.blockReason, blamed(blocked.promptFeedback.safetyRatings)],
    blocked_answer: [harsh.candidates[0].finishReason, blamed(harsh.candidates[0].safetyRatings)],
    tolerated: written(await ask("harsh", harassment({ threshold: "BLOCK_NONE" }))),
    let_out: far.map(written).join(""),
    ended: last.candidates[0].finishReason,
    cited: cited(quote),
    cited_in_stream: (await citationsIn(await stream("quote"))).length,
    recited: (await ask("recite")).candidates[0].finishReason,
  };
  if (library.startsWith("vertex")) Object.assign(report, await told(ask, ratings[2], quote));
  if (library === "generative-ai") report.thrown = thrown(blocked, harsh);
  return report;
}

main(process.argv[2]).then((report) => console.log(JSON.stringify(report)));
