// Keeps prompts by google.golang.org/genai, in the order of Google's pages on context caching, and prints what it got.
// The argument: v1 or v1beta1, which are Vertex AI's, or developer, which has no buckets.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/genai"
)

const model = "gemini-2.0-flash-001"

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func connect(ctx context.Context, mode string) *genai.Client {
	config := genai.ClientConfig{HTTPOptions: genai.HTTPOptions{BaseURL: os.Getenv("GEMINID_URL")}}
	if mode == "developer" {
		config.Backend, config.APIKey = genai.BackendGeminiAPI, "any"
	} else {
		config.Backend, config.Project, config.Location = genai.BackendVertexAI, os.Getenv("PROJECT"), "us-central1"
		config.HTTPOptions.APIVersion = mode
	}
	return must(genai.NewClient(ctx, &config))
}

func bytes(variable string, mimeType string) *genai.Part {
	return genai.NewPartFromBytes(must(base64.StdEncoding.DecodeString(os.Getenv(variable))), mimeType)
}

func papers(mode string) (parts []*genai.Part) {
	for _, uri := range strings.Fields(os.Getenv("PAPERS")) {
		if mode == "developer" {
			parts = append(parts, bytes("PAGE", "application/pdf"))
		} else {
			parts = append(parts, genai.NewPartFromURI(uri, "application/pdf"))
		}
	}
	return parts
}

func system() *genai.Content {
	return &genai.Content{Parts: []*genai.Part{{Text: os.Getenv("SYSTEM")}}}
}

func using(cached *genai.CachedContent) *genai.GenerateContentConfig {
	return &genai.GenerateContentConfig{CachedContent: cached.Name}
}

func usage(response *genai.GenerateContentResponse) []int32 {
	told := response.UsageMetadata
	return []int32{told.PromptTokenCount, told.CachedContentTokenCount, told.TotalTokenCount}
}

func details(response *genai.GenerateContentResponse) (told [][]any) {
	for _, one := range response.UsageMetadata.CacheTokensDetails {
		told = append(told, []any{one.Modality, one.TokenCount})
	}
	slices.SortFunc(told, func(one, other []any) int {
		return strings.Compare(string(one[0].(genai.MediaModality)), string(other[0].(genai.MediaModality)))
	})
	return told
}

// lifetime is in seconds, from the last change on.
func lifetime(cached *genai.CachedContent) float64 {
	return cached.ExpireTime.Sub(cached.UpdateTime).Seconds()
}

func code(err error) int {
	var told genai.APIError
	if errors.As(err, &told) {
		return told.Code
	}
	return 200
}

func fromMakingToEnd(ctx context.Context, client *genai.Client, mode string, report map[string]any) {
	prompt := genai.Text(os.Getenv("PROMPT"))
	made := must(client.Caches.Create(ctx, model, &genai.CreateCachedContentConfig{
		Contents:          []*genai.Content{genai.NewContentFromParts(papers(mode), genai.RoleUser)},
		SystemInstruction: system(),
		DisplayName:       "papers",
		TTL:               time.Hour,
	}))
	report["made"] = []any{made.DisplayName, made.UsageMetadata.TotalTokenCount}
	report["named"] = strings.HasSuffix(made.Model, "models/"+model) && strings.Contains(made.Name, "cachedContents/")

	answer := must(client.Models.GenerateContent(ctx, model, prompt, using(made)))
	var stream []string
	var last *genai.GenerateContentResponse
	for chunk, err := range client.Models.GenerateContentStream(ctx, model, prompt, using(made)) {
		last = must(chunk, err)
		stream = append(stream, last.Text())
	}
	report["text"], report["usage"], report["details"] = answer.Text(), usage(answer), details(answer)
	report["stream"], report["usage_in_stream"] = stream, usage(last)

	mine := []string{made.Name}
	book := &genai.CreateCachedContentConfig{Contents: genai.Text("Another book.")}
	for range 2 {
		mine = slices.Insert(mine, 0, must(client.Caches.Create(ctx, model, book)).Name)
	}
	var listed []string
	for each, err := range client.Caches.All(ctx) {
		if name := must(each, err).Name; slices.Contains(mine, name) {
			listed = append(listed, name)
		}
	}
	page := must(client.Caches.List(ctx, &genai.ListCachedContentsConfig{PageSize: 2}))
	report["listed"] = slices.Equal(listed, mine) && len(page.Items) == 2 && page.NextPageToken != ""

	got := must(client.Caches.Get(ctx, made.Name, nil))
	report["got"] = []any{got.DisplayName, got.ExpireTime.Equal(made.ExpireTime)}
	longer := must(client.Caches.Update(ctx, made.Name, &genai.UpdateCachedContentConfig{TTL: 2 * time.Hour}))
	report["lives"] = []float64{lifetime(made), lifetime(longer)}
	moment := time.Now().Add(7 * 24 * time.Hour).Truncate(time.Microsecond)
	changed := must(client.Caches.Update(ctx, made.Name, &genai.UpdateCachedContentConfig{ExpireTime: moment}))
	report["until"] = changed.ExpireTime.Equal(moment)

	for _, name := range mine {
		must(client.Caches.Delete(ctx, name, nil))
	}
	_, unusable := client.Models.GenerateContent(ctx, model, prompt, using(made))
	_, unknown := client.Caches.Get(ctx, made.Name, nil)
	report["gone"] = []int{code(unusable), code(unknown)}
}

// tools keeps all that a cache can hold: the model is told to call what only the cache declares.
func tools(ctx context.Context, client *genai.Client, report map[string]any) {
	zone := map[string]*genai.Schema{"zone": {Type: genai.TypeString}}
	parameters := &genai.Schema{Type: genai.TypeObject, Properties: zone, Required: []string{"zone"}}
	declarations := []*genai.FunctionDeclaration{
		{Name: "get_date", Parameters: parameters}, {Name: "get_time", Parameters: parameters},
	}
	calling := &genai.FunctionCallingConfig{
		Mode: genai.FunctionCallingConfigModeAny, AllowedFunctionNames: []string{"get_time"},
	}
	tower := []*genai.Part{bytes("PICTURE", "image/png"), {Text: "A clock tower."}}
	made := must(client.Caches.Create(ctx, model, &genai.CreateCachedContentConfig{
		Contents: []*genai.Content{
			genai.NewContentFromParts(tower, genai.RoleUser), genai.NewContentFromText("I see it.", genai.RoleModel),
		},
		SystemInstruction: system(),
		Tools:             []*genai.Tool{{FunctionDeclarations: declarations}},
		ToolConfig:        &genai.ToolConfig{FunctionCallingConfig: calling},
	}))
	answer := must(client.Models.GenerateContent(ctx, model, genai.Text(os.Getenv("PROMPT")), using(made)))
	must(client.Caches.Delete(ctx, made.Name, nil))
	call := answer.FunctionCalls()[0]
	report["called"], report["pictured"] = []any{call.Name, call.Args}, details(answer)[0]
	report["of_all"] = usage(answer)[1] == made.UsageMetadata.TotalTokenCount
}

func main() {
	ctx, report := context.Background(), map[string]any{}
	client := connect(ctx, os.Args[1])
	fromMakingToEnd(ctx, client, os.Args[1], report)
	tools(ctx, client, report)
	json.NewEncoder(os.Stdout).Encode(report)
}
