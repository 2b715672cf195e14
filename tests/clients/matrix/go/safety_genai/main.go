// Asks the judged server by google.golang.org/genai and prints what it got. The argument: vertex or developer.
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

type asker struct {
	context context.Context
	models  *genai.Models
}

func (a asker) ask(text string, settings ...*genai.SafetySetting) *genai.GenerateContentResponse {
	config := &genai.GenerateContentConfig{SafetySettings: settings}
	return must(a.models.GenerateContent(a.context, "gemini-1.5-flash-001", genai.Text(text), config))
}

func (a asker) stream(text string) (chunks []*genai.GenerateContentResponse) {
	for chunk, err := range a.models.GenerateContentStream(a.context, "gemini-1.5-flash-001", genai.Text(text), nil) {
		chunks = append(chunks, must(chunk, err))
	}
	return chunks
}

func harassment(threshold genai.HarmBlockThreshold, method genai.HarmBlockMethod) *genai.SafetySetting {
	return &genai.SafetySetting{Category: genai.HarmCategoryHarassment, Threshold: threshold, Method: method}
}

func category(rating *genai.SafetyRating) string {
	return strings.TrimPrefix(string(rating.Category), "HARM_CATEGORY_")
}

func rated(ratings []*genai.SafetyRating) (all []any) {
	for _, rating := range ratings {
		all = append(all, []any{category(rating), rating.Probability})
	}
	return all
}

func blamed(ratings []*genai.SafetyRating) (all []string) {
	for _, rating := range ratings {
		if rating.Blocked {
			all = append(all, category(rating))
		}
	}
	return all
}

func cited(answer *genai.GenerateContentResponse) (all []any) {
	text := answer.Text()
	for _, one := range answer.Candidates[0].CitationMetadata.Citations {
		all = append(all, []any{text[one.StartIndex:one.EndIndex], one.URI, one.License})
	}
	return all
}

// What only Vertex AI tells.
func told(a asker, rating *genai.SafetyRating, quote *genai.GenerateContentResponse) map[string]any {
	var sources []any
	for _, one := range quote.Candidates[0].CitationMetadata.Citations {
		date := one.PublicationDate
		sources = append(sources, []any{one.Title, date.Year, date.Month, date.Day})
	}
	severity := strings.TrimPrefix(string(rating.Severity), "HARM_SEVERITY_")
	severe := harassment(genai.HarmBlockThresholdBlockMediumAndAbove, genai.HarmBlockMethodSeverity)
	return map[string]any{
		"scores":      []any{rating.ProbabilityScore, severity, rating.SeverityScore},
		"by_severity": a.ask("harsh", severe).Text(),
		"told":        sources,
	}
}

func main() {
	config := genai.ClientConfig{HTTPOptions: genai.HTTPOptions{BaseURL: os.Getenv("GEMINID_URL")}}
	if os.Args[1] == "vertex" {
		config.Backend, config.Project, config.Location = genai.BackendVertexAI, "p", "us-central1"
	} else {
		config.Backend, config.APIKey = genai.BackendGeminiAPI, "any"
	}
	a := asker{context: context.Background()}
	a.models = must(genai.NewClient(a.context, &config)).Models

	mild, harsh, quote := a.ask("mild"), a.ask("harsh"), a.ask("quote")
	feedback := a.ask("HARASSMENT:HIGH, you.").PromptFeedback
	ratings := mild.Candidates[0].SafetyRatings
	far, quoted, letOut := a.stream("far"), a.stream("quote"), ""
	last := far[len(far)-1].Candidates[0]
	for _, chunk := range far[:len(far)-1] {
		letOut += chunk.Text()
	}
	report := map[string]any{
		"text":            mild.Text(),
		"ratings":         rated(ratings),
		"blocked_prompt":  []any{feedback.BlockReason, blamed(feedback.SafetyRatings)},
		"blocked_answer":  []any{harsh.Candidates[0].FinishReason, blamed(harsh.Candidates[0].SafetyRatings)},
		"tolerated":       a.ask("harsh", harassment(genai.HarmBlockThresholdBlockNone, "")).Text(),
		"let_out":         letOut,
		"ended":           last.FinishReason,
		"cited":           cited(quote),
		"cited_in_stream": len(quoted[len(quoted)-1].Candidates[0].CitationMetadata.Citations),
		"recited":         a.ask("recite").Candidates[0].FinishReason,
	}
	if os.Args[1] == "vertex" {
		for name, value := range told(a, ratings[2], quote) {
			report[name] = value
		}
	}
	json.NewEncoder(os.Stdout).Encode(report)
}
