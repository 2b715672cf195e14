// Keeps prompts by cloud.google.com/go/vertexai/genai, in the order of Google's pages on context caching, and prints
// what it got. The argument is the transport, grpc or rest.
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

	"cloud.google.com/go/vertexai/genai"
	"github.com/googleapis/gax-go/v2/apierror"
	"google.golang.org/api/iterator"
	"google.golang.org/api/option"
	"google.golang.org/grpc/codes"
)

const name = "gemini-2.0-flash-001"

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func connect(ctx context.Context, transport string) *genai.Client {
	options := []option.ClientOption{option.WithEndpoint(os.Getenv("GEMINID_TLS"))}
	if transport == "rest" {
		options = []option.ClientOption{option.WithEndpoint(os.Getenv("GEMINID_URL")), genai.WithREST()}
	}
	return must(genai.NewClient(ctx, os.Getenv("PROJECT"), "us-central1", options...))
}

func said(role string, parts ...genai.Part) *genai.Content {
	return &genai.Content{Role: role, Parts: parts}
}

func papers() (parts []genai.Part) {
	for _, uri := range strings.Fields(os.Getenv("PAPERS")) {
		parts = append(parts, genai.FileData{MIMEType: "application/pdf", FileURI: uri})
	}
	return parts
}

func text(response *genai.GenerateContentResponse) string {
	return string(response.Candidates[0].Content.Parts[0].(genai.Text))
}

// counts has no count of what is cached: this library does not tell it.
func counts(response *genai.GenerateContentResponse) []int32 {
	return []int32{response.UsageMetadata.PromptTokenCount, response.UsageMetadata.TotalTokenCount}
}

// lifetime is in seconds, from the last change on.
func lifetime(cached *genai.CachedContent) float64 {
	return cached.Expiration.ExpireTime.Sub(cached.UpdateTime).Seconds()
}

func code(err error) int {
	var told *apierror.APIError
	if !errors.As(err, &told) {
		return 200
	}
	if told.GRPCStatus().Code() == codes.NotFound {
		return 404
	}
	return told.HTTPCode()
}

func namesOf(caches *genai.CachedContentIterator) (names []string) {
	for each, err := caches.Next(); err != iterator.Done; each, err = caches.Next() {
		names = append(names, must(each, err).Name)
	}
	return names
}

func fromMakingToEnd(ctx context.Context, client *genai.Client, report map[string]any) {
	prompt := genai.Text(os.Getenv("PROMPT"))
	made := must(client.CreateCachedContent(ctx, &genai.CachedContent{
		Model:             name,
		SystemInstruction: said("", genai.Text(os.Getenv("SYSTEM"))),
		Contents:          []*genai.Content{said("user", papers()...)},
		Expiration:        genai.ExpireTimeOrTTL{TTL: time.Hour},
	}))
	home := "projects/" + os.Getenv("PROJECT") + "/locations/us-central1"
	report["named"] = made.Model == home+"/publishers/google/models/"+name

	model := client.GenerativeModel(name)
	model.CachedContentName = made.Name
	answer := must(model.GenerateContent(ctx, prompt))
	chunks := client.GenerativeModelFromCachedContent(made).GenerateContentStream(ctx, prompt)
	var stream []string
	for chunk, err := chunks.Next(); err != iterator.Done; chunk, err = chunks.Next() {
		stream = append(stream, text(must(chunk, err)))
	}
	report["text"], report["counts"], report["stream"] = text(answer), counts(answer), stream

	mine := []string{made.Name}
	book := genai.CachedContent{Model: name, Contents: []*genai.Content{said("user", genai.Text("Another book."))}}
	for range 2 {
		mine = slices.Insert(mine, 0, must(client.CreateCachedContent(ctx, &book)).Name)
	}
	paged := client.ListCachedContents(ctx)
	paged.PageInfo().MaxSize = 2
	report["listed"] = slices.Equal(namesOf(paged), mine)

	got := must(client.GetCachedContent(ctx, made.Name))
	updated := func(expiration genai.ExpireTimeOrTTL) *genai.CachedContent {
		got = must(client.UpdateCachedContent(ctx, got, &genai.CachedContentToUpdate{Expiration: &expiration}))
		return got
	}
	report["lives"] = []float64{lifetime(got), lifetime(updated(genai.ExpireTimeOrTTL{TTL: 2 * time.Hour}))}
	moment := time.Now().Add(7 * 24 * time.Hour).Truncate(time.Microsecond)
	report["until"] = updated(genai.ExpireTimeOrTTL{ExpireTime: moment}).Expiration.ExpireTime.Equal(moment)

	for _, one := range mine {
		must(0, client.DeleteCachedContent(ctx, one))
	}
	_, unusable := model.GenerateContent(ctx, prompt)
	_, unknown := client.GetCachedContent(ctx, made.Name)
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
		Mode: genai.FunctionCallingAny, AllowedFunctionNames: []string{"get_time"},
	}
	picture := genai.Blob{MIMEType: "image/png", Data: must(base64.StdEncoding.DecodeString(os.Getenv("PICTURE")))}
	made := must(client.CreateCachedContent(ctx, &genai.CachedContent{
		Model:             name,
		SystemInstruction: said("", genai.Text(os.Getenv("SYSTEM"))),
		Contents: []*genai.Content{
			said("user", picture, genai.Text("A clock tower.")), said("model", genai.Text("I see it.")),
		},
		Tools:      []*genai.Tool{{FunctionDeclarations: declarations}},
		ToolConfig: &genai.ToolConfig{FunctionCallingConfig: calling},
	}))
	answer := must(client.GenerativeModelFromCachedContent(made).GenerateContent(ctx, genai.Text(os.Getenv("PROMPT"))))
	must(0, client.DeleteCachedContent(ctx, made.Name))
	call := answer.Candidates[0].FunctionCalls()[0]
	report["called"] = []any{call.Name, call.Args}
}

func main() {
	ctx, report := context.Background(), map[string]any{}
	client := connect(ctx, os.Args[1])
	defer client.Close()
	fromMakingToEnd(ctx, client, report)
	tools(ctx, client, report)
	json.NewEncoder(os.Stdout).Encode(report)
}
