// The app whose model genkit's `dev:test-model` tests. A suite of `make suites`.
import {googleAI} from '@genkit-ai/google-genai';
import {genkit} from 'genkit';

genkit({plugins: [googleAI()]});
