package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"
)

// stack is the part of a faas-cli stack file that one machine can keep.
type stack struct {
	Functions map[string]stackFunction
}

type stackFunction struct {
	Environment map[string]string
	Secrets     []string
	Annotations map[string]string
}

// readStack reads a stack file and replaces ${NAME} and ${NAME:-default} by the
// environment, as faas-cli does.
func readStack(file string) (stack, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return stack{}, fmt.Errorf("no stack file %s: start in the folder that holds it, or name it with -stack", file)
	}
	if err != nil {
		return stack{}, err
	}
	var s stack
	if err := yaml.Unmarshal(variable.ReplaceAllFunc(content, fromEnvironment), &s); err != nil {
		return stack{}, fmt.Errorf("%s: %w", file, err)
	}
	if len(s.Functions) == 0 {
		return stack{}, fmt.Errorf("%s names no function", file)
	}
	return s, nil
}

var variable = regexp.MustCompile(`\$\{(\w+)(?::-([^}]*))?\}`)

func fromEnvironment(match []byte) []byte {
	parts := variable.FindSubmatch(match)
	if value := os.Getenv(string(parts[1])); value != "" {
		return []byte(value)
	}
	return parts[2]
}

// names in a settled order.
func (s stack) names() []string { return slices.Sorted(maps.Keys(s.Functions)) }

// cronJob calls one function at the times of its schedule.
type cronJob struct {
	function string
	times    string // five fields
	schedule cron.Schedule
}

func (j cronJob) String() string { return j.function + " at " + j.times }

// cronJobs are the functions whose annotations ask for the cron connector.
func (s stack) cronJobs() ([]cronJob, error) {
	var jobs []cronJob
	for _, name := range s.names() {
		annotations := s.Functions[name].Annotations
		if annotations["topic"] != "cron-function" {
			continue
		}
		times := annotations["schedule"]
		schedule, err := cron.ParseStandard(times)
		if err != nil {
			return nil, fmt.Errorf("schedule of %s: %w", name, err)
		}
		jobs = append(jobs, cronJob{name, times, schedule})
	}
	return jobs, nil
}
