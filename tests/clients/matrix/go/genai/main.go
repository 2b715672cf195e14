// Asks by google.golang.org/genai and prints what it got. The argument: vertex or developer.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"google.golang.org/genai"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func last(name string) string {
	return name[strings.LastIndex(name, "/")+1:]
}

func text(allowed ...string) *genai.Schema {
	return &genai.Schema{Type: genai.TypeString, Enum: allowed}
}

func object(properties map[string]*genai.Schema, order ...string) *genai.Schema {
	return &genai.Schema{Type: genai.TypeObject, Properties: properties, Required: order, PropertyOrdering: order}
}

func recipe() *genai.GenerateContentConfig {
	properties := map[string]*genai.Schema{"title": text(), "kind": text("bread", "cake")}
	schema := object(properties, "title", "kind")
	return &genai.GenerateContentConfig{ResponseMIMEType: "application/json", ResponseSchema: schema}
}

func time() *genai.GenerateContentConfig {
	parameters := object(map[string]*genai.Schema{"zone": text()}, "zone")
	declarations := []*genai.FunctionDeclaration{{Name: "get_time", Parameters: parameters}}
	calling := &genai.FunctionCallingConfig{
		Mode: genai.FunctionCallingConfigModeAny, AllowedFunctionNames: []string{"get_time"},
	}
	return &genai.GenerateContentConfig{
		Tools:      []*genai.Tool{{FunctionDeclarations: declarations}},
		ToolConfig: &genai.ToolConfig{FunctionCallingConfig: calling},
	}
}

func main() {
	ctx := context.Background()
	config := genai.ClientConfig{HTTPOptions: genai.HTTPOptions{BaseURL: os.Getenv("GEMINID_URL")}}
	if os.Args[1] == "vertex" {
		config.Backend, config.Project, config.Location = genai.BackendVertexAI, "p", "us-central1"
	} else {
		config.Backend, config.APIKey = genai.BackendGeminiAPI, "any"
	}
	client := must(genai.NewClient(ctx, &config))
	model, prompt := "gemini-2.5-flash", genai.Text(os.Getenv("PROMPT"))

	answer := must(client.Models.GenerateContent(ctx, model, prompt, nil))
	var stream []string
	var finish genai.FinishReason
	for chunk, err := range client.Models.GenerateContentStream(ctx, model, prompt, nil) {
		stream = append(stream, must(chunk, err).Text())
		finish = chunk.Candidates[0].FinishReason
	}
	chat := must(client.Chats.Create(ctx, model, nil, nil))
	part := genai.Part{Text: os.Getenv("PROMPT")}
	must(chat.SendMessage(ctx, part))
	var models []string
	for found, err := range client.Models.All(ctx) {
		models = append(models, last(must(found, err).Name))
	}
	call := must(client.Models.GenerateContent(ctx, model, prompt, time())).FunctionCalls()[0]
	usage := answer.UsageMetadata
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"text":          answer.Text(),
		"finish":        answer.Candidates[0].FinishReason,
		"usage":         []int32{usage.PromptTokenCount, usage.CandidatesTokenCount, usage.TotalTokenCount},
		"stream":        stream,
		"stream_finish": finish,
		"chat":          must(chat.SendMessage(ctx, part)).Text(),
		"counted":       must(client.Models.CountTokens(ctx, model, prompt, nil)).TotalTokens,
		"model":         last(must(client.Models.Get(ctx, model, nil)).Name) == model,
		"models":        models,
		"object":        json.RawMessage(must(client.Models.GenerateContent(ctx, model, prompt, recipe())).Text()),
		"called":        []any{call.Name, call.Args},
	})
}
