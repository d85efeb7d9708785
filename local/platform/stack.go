package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"

	"github.com/openfaas/faas-provider/types"
	"go.yaml.in/yaml/v3"
)

// stack is the part of a faas-cli stack file that one machine can keep: what is
// deployed at the start, by name.
type stack map[string]types.FunctionDeployment

type stackFunction struct {
	Image                  string
	Environment            map[string]string
	Secrets                []string
	Labels                 map[string]string
	Annotations            map[string]string
	Limits                 *types.FunctionResources
	Requests               *types.FunctionResources
	ReadonlyRootFilesystem bool `yaml:"readonly_root_filesystem"`
}

// readStack reads a stack file and replaces ${NAME} and ${NAME:-default} by the
// environment, as faas-cli does.
func readStack(file string) (stack, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no stack file %s: start in the folder that holds it, or name it with -stack", file)
	}
	if err != nil {
		return nil, err
	}
	var written struct{ Functions map[string]stackFunction }
	if err := yaml.Unmarshal(variable.ReplaceAllFunc(content, fromEnvironment), &written); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(written.Functions) == 0 {
		return nil, fmt.Errorf("%s names no function", file)
	}
	s := stack{}
	for name, f := range written.Functions {
		s[name] = types.FunctionDeployment{
			Service: name, Image: f.Image, Namespace: namespace, EnvVars: f.Environment, Secrets: f.Secrets,
			Labels: &f.Labels, Annotations: &f.Annotations, Limits: f.Limits, Requests: f.Requests,
			ReadOnlyRootFilesystem: f.ReadonlyRootFilesystem,
		}
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
func (s stack) names() []string { return slices.Sorted(maps.Keys(s)) }
