// The judge of the relabelling tests: what the real Prometheus makes of rules and labels. Reads a JSON list of cases on
// stdin, writes a JSON list of answers on stdout.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v2"
)

// A rule as it stands in a configuration; what is not given is left out, so that the defaults are Prometheus's.
type rule struct {
	SourceLabels *[]string `json:"source_labels" yaml:"source_labels,omitempty"`
	Separator    *string   `json:"separator" yaml:"separator,omitempty"`
	Regex        *string   `json:"regex" yaml:"regex,omitempty"`
	Modulus      *uint64   `json:"modulus" yaml:"modulus,omitempty"`
	TargetLabel  *string   `json:"target_label" yaml:"target_label,omitempty"`
	Replacement  *string   `json:"replacement" yaml:"replacement,omitempty"`
	Action       *string   `json:"action" yaml:"action,omitempty"`
}

type question struct {
	Names  model.ValidationScheme `json:"names"`
	Rules  []rule                 `json:"rules"`
	Series []map[string]string    `json:"series"`
}

// Refused says why the rules are none; otherwise Series has what becomes of each series, null where it is dropped.
type answer struct {
	Refused string              `json:"refused,omitempty"`
	Series  []map[string]string `json:"series"`
}

func main() {
	log.SetFlags(0)
	var questions []question
	if err := json.NewDecoder(os.Stdin).Decode(&questions); err != nil {
		log.Fatal(err)
	}
	answers := make([]answer, len(questions))
	for i, one := range questions {
		answers[i] = judge(one)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		log.Fatal(err)
	}
}

func judge(q question) answer {
	configs, err := load(q)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	series := make([]map[string]string, len(q.Series))
	for i, set := range q.Series {
		builder := labels.NewBuilder(labels.FromMap(set))
		if relabel.ProcessBuilder(builder, configs...) {
			series[i] = builder.Labels().Map()
		}
	}
	return answer{Series: series}
}

func load(q question) ([]*relabel.Config, error) {
	text, err := yaml.Marshal(q.Rules)
	if err != nil {
		return nil, err
	}
	var configs []*relabel.Config
	if err := yaml.UnmarshalStrict(text, &configs); err != nil {
		return nil, err
	}
	for _, config := range configs {
		if err := config.Validate(q.Names); err != nil {
			return nil, err
		}
	}
	return configs, nil
}
