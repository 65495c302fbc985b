// OFREP's single evaluation by Go's net/http and encoding/json, with a constant in place of an evaluation: no server
// in Go that reads the request and writes the answer with these costs less.
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

type request struct {
	Context map[string]any `json:"context"`
}

type entry struct {
	Key      string         `json:"key"`
	Reason   string         `json:"reason"`
	Variant  string         `json:"variant"`
	Value    bool           `json:"value"`
	Metadata map[string]any `json:"metadata"`
}

func answer(w http.ResponseWriter, r *http.Request, said any) {
	var asked request
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(said)
}

func said(key string) entry {
	return entry{key, "SPLIT", "on", true, map[string]any{"ruleId": "r1", "flagVersion": 1}}
}

func main() {
	http.HandleFunc("POST /ofrep/v1/evaluate/flags/{key}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, said(r.PathValue("key")))
	})
	http.HandleFunc("POST /ofrep/v1/evaluate/flags", func(w http.ResponseWriter, r *http.Request) {
		all := make([]entry, 100)
		for at := range all {
			all[at] = said("flag-000")
		}
		answer(w, r, map[string]any{"flags": all})
	})
	if err := http.ListenAndServe("127.0.0.1:"+os.Args[1], nil); err != nil {
		panic(err)
	}
}
