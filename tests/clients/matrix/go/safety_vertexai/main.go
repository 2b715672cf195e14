// Asks the judged server by cloud.google.com/go/vertexai/genai over gRPC or REST and prints what it got. The argument
// is the transport. What is blocked is an error here, and so is any feedback on a prompt.
package main

import (
	"context"
	"encoding/json"
	"errors"
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

type asker struct {
	context context.Context
	client  *genai.Client
}

func (a asker) model(settings ...*genai.SafetySetting) *genai.GenerativeModel {
	model := a.client.GenerativeModel("gemini-1.5-flash-001")
	model.SafetySettings = settings
	return model
}

func (a asker) ask(text string, settings ...*genai.SafetySetting) *genai.GenerateContentResponse {
	return must(a.model(settings...).GenerateContent(a.context, genai.Text(text)))
}

// The chunks of a stream put together by the library, and the error that ended it.
func (a asker) stream(text string) (*genai.GenerateContentResponse, error) {
	chunks := a.model().GenerateContentStream(a.context, genai.Text(text))
	for {
		if _, err := chunks.Next(); err == iterator.Done {
			return chunks.MergedResponse(), nil
		} else if err != nil {
			return chunks.MergedResponse(), err
		}
	}
}

func blockedBy(err error) *genai.BlockedError {
	var blocked *genai.BlockedError
	if !errors.As(err, &blocked) {
		panic(err)
	}
	return blocked
}

func harassment(threshold genai.HarmBlockThreshold, method genai.HarmBlockMethod) *genai.SafetySetting {
	return &genai.SafetySetting{Category: genai.HarmCategoryHarassment, Threshold: threshold, Method: method}
}

func text(response *genai.GenerateContentResponse) (whole string) {
	for _, part := range response.Candidates[0].Content.Parts {
		whole += string(part.(genai.Text))
	}
	return whole
}

func finish(candidate *genai.Candidate) string {
	return strings.ToUpper(strings.TrimPrefix(candidate.FinishReason.String(), "FinishReason"))
}

var categories = map[genai.HarmCategory]string{
	genai.HarmCategoryHateSpeech:       "HATE_SPEECH",
	genai.HarmCategoryDangerousContent: "DANGEROUS_CONTENT",
	genai.HarmCategoryHarassment:       "HARASSMENT",
	genai.HarmCategorySexuallyExplicit: "SEXUALLY_EXPLICIT",
}

func rated(ratings []*genai.SafetyRating) (all []any) {
	for _, rating := range ratings {
		probability := strings.TrimPrefix(rating.Probability.String(), "HarmProbability")
		all = append(all, []any{categories[rating.Category], strings.ToUpper(probability)})
	}
	return all
}

func blamed(ratings []*genai.SafetyRating) (all []string) {
	for _, rating := range ratings {
		if rating.Blocked {
			all = append(all, categories[rating.Category])
		}
	}
	return all
}

func cited(answer *genai.GenerateContentResponse) (spans, sources []any) {
	whole := text(answer)
	for _, one := range answer.Candidates[0].CitationMetadata.Citations {
		date := one.PublicationDate
		spans = append(spans, []any{whole[one.StartIndex:one.EndIndex], one.URI, one.License})
		sources = append(sources, []any{one.Title, date.Year, date.Month, date.Day})
	}
	return spans, sources
}

func main() {
	a := asker{context: context.Background()}
	options := []option.ClientOption{option.WithEndpoint(os.Getenv("GEMINID_TLS"))}
	if os.Args[1] == "rest" {
		options = []option.ClientOption{option.WithEndpoint(os.Getenv("GEMINID_URL")), genai.WithREST()}
	}
	a.client = must(genai.NewClient(a.context, "p", "us-central1", options...))
	defer a.client.Close()

	mild, quoted := a.ask("mild"), must(a.stream("quote"))
	spans, sources := cited(a.ask("quote"))
	ratings := mild.Candidates[0].SafetyRatings
	_, err := a.model().GenerateContent(a.context, genai.Text("HARASSMENT:HIGH, you."))
	prompt := blockedBy(err).PromptFeedback
	_, err = a.model().GenerateContent(a.context, genai.Text("harsh"))
	harsh := blockedBy(err).Candidate
	letOut, err := a.stream("far")
	severe := harassment(genai.HarmBlockMediumAndAbove, genai.HarmBlockMethodSeverity)
	severity := strings.TrimPrefix(ratings[2].Severity.String(), "HarmSeverity")
	reason := strings.TrimPrefix(prompt.BlockReason.String(), "BlockedReason")
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"text":            text(mild),
		"ratings":         rated(ratings),
		"scores":          []any{ratings[2].ProbabilityScore, strings.ToUpper(severity), ratings[2].SeverityScore},
		"blocked_prompt":  []any{strings.ToUpper(reason), blamed(prompt.SafetyRatings)},
		"blocked_answer":  []any{finish(harsh), blamed(harsh.SafetyRatings)},
		"tolerated":       text(a.ask("harsh", harassment(genai.HarmBlockNone, genai.HarmBlockMethodUnspecified))),
		"by_severity":     text(a.ask("harsh", severe)),
		"let_out":         text(letOut),
		"ended":           finish(blockedBy(err).Candidate),
		"cited":           spans,
		"told":            sources,
		"cited_in_stream": len(quoted.Candidates[0].CitationMetadata.Citations),
		"recited":         finish(a.ask("recite").Candidates[0]),
	})
}
