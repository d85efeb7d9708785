package tests

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	problems "github.com/pb33f/libopenapi-validator/errors"
	"github.com/pb33f/libopenapi-validator/schema_validation"
	"github.com/pb33f/libopenapi/datamodel/high/base"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"go.yaml.in/yaml/v4"

	"polis/local/functions"
	"polis/shared/api"
	settings "polis/shared/config"
	"polis/shared/web"
)

// contract is the OpenAPI document with what validates by it.
type contract struct {
	model     *v3.Document
	document  libopenapi.Document
	validator validator.Validator
}

var readContract = sync.OnceValues(func() (contract, error) {
	document, err := libopenapi.NewDocument(api.Spec)
	if err != nil {
		return contract{}, err
	}
	model, err := document.BuildV3Model()
	if err != nil {
		return contract{}, err
	}
	// Whether a signature or a token holds is the functions' to say.
	v, faults := validator.NewValidator(document, config.WithFormatAssertions(), config.WithoutSecurityValidation())
	return contract{&model.Model, document, v}, errors.Join(faults...)
})

func theContract(t *testing.T) contract {
	t.Helper()
	c, err := readContract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return c
}

// checkRequest says what in a request the contract does not allow.
func (c contract) checkRequest(request *http.Request, body []byte) error {
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	_, faults := c.validator.ValidateHttpRequestSync(request)
	return described(faults)
}

// checkAnswer says what in the answer to a request the contract does not allow.
func (c contract) checkAnswer(request *http.Request, answer *http.Response, body []byte) error {
	answer.Body = io.NopCloser(bytes.NewReader(body))
	_, faults := c.validator.ValidateHttpResponse(request, answer)
	return described(faults)
}

func described(faults []*problems.ValidationError) error {
	var all []error
	for _, f := range faults {
		text := f.Message + ": " + f.Reason
		for _, s := range f.SchemaValidationErrors {
			text += fmt.Sprintf("\n\t%s: %s", s.FieldPath, s.Reason)
		}
		all = append(all, errors.New(text))
	}
	return errors.Join(all...)
}

func TestTheContractIsAnOpenAPIDocument(t *testing.T) {
	if _, faults := theContract(t).validator.ValidateDocument(); len(faults) > 0 {
		t.Error(described(faults))
	}
}

// operations of the contract, as "GET /path".
func (c contract) operations() map[string]*v3.Operation {
	all := map[string]*v3.Operation{}
	for path, item := range c.model.Paths.PathItems.FromOldest() {
		for method, operation := range item.GetOperations().FromOldest() {
			all[strings.ToUpper(method)+" "+path] = operation
		}
	}
	return all
}

func TestEachRouteStandsInTheContractAndNothingElseDoes(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	var routes []string
	for name, makeFunction := range functions.All {
		made, err := makeFunction(settings.FromMap(map[string]string{
			"redis_url": "redis://127.0.0.1:1", "s3_endpoint": "http://127.0.0.1:1", "s3_bucket": "polis", "gateway_url": "http://127.0.0.1:1",
			"public_url": "http://127.0.0.1:1", "oidc_issuer": "http://127.0.0.1:1", "oidc_audience": "polis", "oidc_client_id": "polis-portal",
		}, map[string]string{
			"polis-master-key": key, "polis-index-key": key, "polis-call-key": key, "redis-password": "p", "s3-access-key": "a", "s3-secret-key": "s", "audit-key": key,
			"portal-client-secret": "p", "portal-session-key": key,
		}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range made.(*web.Edge).Routes {
			if name == "portal" && r.Pattern != "/" {
				continue // for people, who find their way by what they read
			}
			routes = append(routes, r.Method+" /"+name+strings.TrimSuffix(r.Pattern, "/"))
		}
	}
	slices.Sort(routes)
	operations := theContract(t).operations()
	for _, route := range routes {
		if operations[route] == nil {
			t.Errorf("%s is not in openapi.yaml", route)
		}
	}
	for operation := range operations {
		if !slices.Contains(routes, operation) {
			t.Errorf("%s is in openapi.yaml, but no function has it", operation)
		}
	}
}

func TestEachObjectOfTheContractIsClosedAndEachFieldDescribed(t *testing.T) {
	var walk func(at string, schema *yaml.Node)
	walk = func(at string, node *yaml.Node) {
		fields := mapping(node)
		properties, isObject := fields["properties"]
		// A schema that others are made of is closed by these.
		if isObject && fields["additionalProperties"] == nil && fields["unevaluatedProperties"] == nil && at != "components.schemas.Document" {
			t.Errorf("%s takes any further field", at)
		}
		if isObject && strings.HasPrefix(at, "components.schemas") {
			for name, property := range mapping(properties) {
				if p := mapping(property); p["description"] == nil && p["$ref"] == nil {
					t.Errorf("%s.%s has no description", at, name)
				}
			}
		}
		for i, child := range node.Content {
			if node.Kind == yaml.MappingNode {
				if i%2 == 1 {
					walk(strings.TrimPrefix(at+"."+node.Content[i-1].Value, "."), child)
				}
			} else {
				walk(at, child)
			}
		}
	}
	var root yaml.Node
	if err := yaml.Unmarshal(api.Spec, &root); err != nil {
		t.Fatal(err)
	}
	walk("", root.Content[0])
}

// mapping is a YAML mapping by its keys; of anything else it is empty.
func mapping(node *yaml.Node) map[string]*yaml.Node {
	fields := map[string]*yaml.Node{}
	if node.Kind == yaml.MappingNode {
		for i := 0; i < len(node.Content); i += 2 {
			fields[node.Content[i].Value] = node.Content[i+1]
		}
	}
	return fields
}

func TestEachExampleOfTheContractFitsItsSchema(t *testing.T) {
	check := schema_validation.NewSchemaValidator(config.WithFormatAssertions())
	seen := 0
	fits := func(where string, schema *base.SchemaProxy, example *yaml.Node) {
		if example == nil {
			return
		}
		seen++
		var value any
		if err := example.Decode(&value); err != nil {
			t.Fatal(err)
		}
		if _, faults := check.ValidateSchemaObject(schema.Schema(), value); len(faults) > 0 {
			t.Errorf("%s: %v", where, described(faults))
		}
	}
	media := func(where string, m *v3.MediaType) {
		fits(where, m.Schema, m.Example)
		if m.Examples != nil {
			for name, example := range m.Examples.FromOldest() {
				fits(where+" "+name, m.Schema, example.Value)
			}
		}
	}
	c := theContract(t)
	for _, name := range slices.Sorted(maps.Keys(c.operations())) {
		operation := c.operations()[name]
		if operation.RequestBody != nil {
			for _, m := range operation.RequestBody.Content.FromOldest() {
				media(name, m)
			}
		}
		for status, response := range operation.Responses.Codes.FromOldest() {
			for _, m := range response.Content.FromOldest() {
				media(name+" "+status, m)
			}
		}
	}
	for name, schema := range c.model.Components.Schemas.FromOldest() {
		for _, example := range schema.Schema().Examples {
			fits(name, schema, example)
		}
	}
	if seen < 10 {
		t.Errorf("only %d examples were found", seen)
	}
}
