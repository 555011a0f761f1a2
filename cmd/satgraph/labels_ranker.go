package main

import (
	"context"
	"errors"

	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// rankedFrom is how many candidates a ranker gets to put in order.
const rankedFrom = 12

// suggestRanked suggests, with the candidates of open labels in the order that
// the ranker in a folder gives them; without a ranker, as found.
func suggestRanked(ctx context.Context, engine *suggest.Engine, labels []labelmap.RawLabel, top int, dir string) (results []suggest.Result, err error) {
	if dir == "" {
		return engine.Suggest(labels, top), nil
	}
	ranker, free, err := openRanker(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, free()) }()
	results = engine.Suggest(labels, max(top, rankedFrom))
	if err := engine.Rerank(ctx, results, ranker); err != nil {
		return nil, err
	}
	for i := range results {
		results[i].Suggestions = results[i].Suggestions[:min(max(top, 1), len(results[i].Suggestions))]
	}
	return results, nil
}

// openRanker opens a bundle's text encoder, or a sentence encoder.
func openRanker(ctx context.Context, dir string) (ranker suggest.Embedder, free func() error, err error) {
	if onnx.IsSentences(dir) {
		s, err := onnx.OpenSentences(dir)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	model, err := openModel(ctx, dir, nil, onnx.Options{Device: onnx.CPU})
	if err != nil {
		return nil, nil, err
	}
	return promptEncoder{model}, model.Close, nil
}

// promptEncoder is a bundle's encoder of prompts, asked as for a CT.
type promptEncoder struct{ model inference.Model }

func (p promptEncoder) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	return p.model.Encode(ctx, texts, inference.CT)
}
