// Asks by cloud.google.com/go/vertexai/genai over gRPC or REST and prints what it got. The argument is the transport.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"

	"cloud.google.com/go/vertexai/genai"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func text(response *genai.GenerateContentResponse) string {
	return string(response.Candidates[0].Content.Parts[0].(genai.Text))
}

func finish(response *genai.GenerateContentResponse) string {
	return strings.ToUpper(strings.TrimPrefix(response.Candidates[0].FinishReason.String(), "FinishReason"))
}

func object(properties map[string]*genai.Schema, required ...string) *genai.Schema {
	return &genai.Schema{Type: genai.TypeObject, Properties: properties, Required: required}
}

func recipe(client *genai.Client) *genai.GenerativeModel {
	model := client.GenerativeModel("gemini-1.5-flash-002")
	properties := map[string]*genai.Schema{
		"title": {Type: genai.TypeString}, "kind": {Type: genai.TypeString, Enum: []string{"bread", "cake"}},
	}
	model.ResponseMIMEType, model.ResponseSchema = "application/json", object(properties, "title", "kind")
	return model
}

func time(client *genai.Client) *genai.GenerativeModel {
	model := client.GenerativeModel("gemini-1.5-flash-002")
	parameters := object(map[string]*genai.Schema{"zone": {Type: genai.TypeString}}, "zone")
	declarations := []*genai.FunctionDeclaration{{Name: "get_time", Parameters: parameters}}
	model.Tools = []*genai.Tool{{FunctionDeclarations: declarations}}
	model.ToolConfig = &genai.ToolConfig{FunctionCallingConfig: &genai.FunctionCallingConfig{
		Mode: genai.FunctionCallingAny, AllowedFunctionNames: []string{"get_time"},
	}}
	return model
}

func main() {
	ctx := context.Background()
	options := []option.ClientOption{option.WithEndpoint(os.Getenv("GEMINID_TLS"))}
	if os.Args[1] == "rest" {
		options = []option.ClientOption{option.WithEndpoint(os.Getenv("GEMINID_URL")), genai.WithREST()}
	}
	client := must(genai.NewClient(ctx, "p", "us-central1", options...))
	defer client.Close()
	model, prompt := client.GenerativeModel("gemini-1.5-flash-002"), genai.Text(os.Getenv("PROMPT"))

	answer := must(model.GenerateContent(ctx, prompt))
	chunks := model.GenerateContentStream(ctx, prompt)
	var stream []string
	var last *genai.GenerateContentResponse
	for chunk, err := chunks.Next(); err != iterator.Done; chunk, err = chunks.Next() {
		last = must(chunk, err)
		stream = append(stream, text(last))
	}
	chat := model.StartChat()
	must(chat.SendMessage(ctx, prompt))
	call := must(time(client).GenerateContent(ctx, prompt)).Candidates[0].FunctionCalls()[0]
	usage := answer.UsageMetadata
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"text":          text(answer),
		"finish":        finish(answer),
		"usage":         []int32{usage.PromptTokenCount, usage.CandidatesTokenCount, usage.TotalTokenCount},
		"stream":        stream,
		"stream_finish": finish(last),
		"chat":          text(must(chat.SendMessage(ctx, prompt))),
		"counted":       must(model.CountTokens(ctx, prompt)).TotalTokens,
		"object":        json.RawMessage(text(must(recipe(client).GenerateContent(ctx, prompt)))),
		"called":        []any{call.Name, call.Args},
	})
}
