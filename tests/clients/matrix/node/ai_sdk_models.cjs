// The AI SDK's model of the program's argument: google, vertex or express.
const { createGoogle } = require("@ai-sdk/google");
const { createVertex } = require("@ai-sdk/google-vertex");

const url = process.env.GEMINID_URL;
const place = { project: "p", location: "us-central1" };
const baseURL = `${url}/v1beta1/projects/p/locations/us-central1/publishers/google`;
const providers = {
  google: () => createGoogle({ apiKey: "any", baseURL: `${url}/v1beta` }),
  vertex: () => createVertex({ ...place, baseURL }),
  express: () => createVertex({ apiKey: "any", baseURL: `${url}/v1/publishers/google` }),
};

exports.model = providers[process.argv[2]]()("gemini-2.5-flash");
