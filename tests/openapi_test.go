package tests

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"go.yaml.in/yaml/v3"

	"polis/local/functions"
	"polis/shared/api"
	settings "polis/shared/config"
	"polis/shared/web"
)

// contract is the OpenAPI document with what finds a request's place in it.
type contract struct {
	*openapi3.T
	router routers.Router
}

var readContract = sync.OnceValues(func() (contract, error) {
	openapi3.DefineStringFormatValidator("uri", openapi3.NewCallbackValidator(func(text string) error {
		_, err := url.ParseRequestURI(text)
		return err
	}))
	for _, text := range []string{"application/pdf", "application/x-ndjson", "text/calendar", "text/csv", "text/html"} {
		openapi3filter.RegisterBodyDecoder(text, openapi3filter.PlainBodyDecoder)
	}
	document, err := openapi3.NewLoader().LoadFromData(api.Spec)
	if err != nil {
		return contract{}, err
	}
	router, err := gorillamux.NewRouter(document)
	return contract{document, router}, err
})

func theContract(t *testing.T) contract {
	t.Helper()
	c, err := readContract()
	if err != nil {
		t.Fatalf("openapi.yaml: %v", err)
	}
	return c
}

// strictly is how calls are held against the contract. Whether a signature or a
// token holds is the functions' to say.
var strictly = &openapi3filter.Options{
	MultiError: true, IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, SkipSettingDefaults: true,
	AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
}

func (c contract) call(request *http.Request) (*openapi3filter.RequestValidationInput, error) {
	route, values, err := c.router.FindRoute(request)
	return &openapi3filter.RequestValidationInput{Request: request, PathParams: values, Route: route, Options: strictly}, err
}

// checkRequest says what in a request the contract does not allow.
func (c contract) checkRequest(request *http.Request, body []byte) error {
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	call, err := c.call(request)
	if err != nil {
		return err
	}
	return openapi3filter.ValidateRequest(request.Context(), call)
}

// checkAnswer says what in the answer to a request the contract does not allow.
func (c contract) checkAnswer(request *http.Request, answer *http.Response, body []byte) error {
	call, err := c.call(request)
	if err != nil {
		return err
	}
	given := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: call, Status: answer.StatusCode, Header: answer.Header, Options: strictly,
	}
	return openapi3filter.ValidateResponse(request.Context(), given.SetBodyBytes(body))
}

func TestTheContractIsAnOpenAPIDocument(t *testing.T) {
	if err := theContract(t).Validate(context.Background(), openapi3.EnableMultiError()); err != nil {
		t.Error(err)
	}
}

func TestWhatBreaksTheContractIsSeen(t *testing.T) {
	const granted = `{"operator":"ffoms","person":"self","status":"granted","since":"2026-03-10T09:00:00+03:00","receipt":"01kkbb3yr0n6v1r8xq4t2m9zpd","operator_name":"Федеральный фонд ОМС"}`
	const extract = `{"id":"01kkbb3yr0n6v1r8xq4t2m9zpd","number":"20260310-0ABC-1DEF","person":"self","kind":"extract","format":"pdf","bytes":20000,` +
		`"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","created":"2026-03-10T09:00:00+03:00","href":"https://polis.example/d"`
	type call struct {
		method, path, key, sends string
		status                   int
		header                   http.Header
		body                     string
	}
	json := func(also ...string) http.Header {
		header := http.Header{"Content-Type": {"application/json"}, "X-Call-Id": {"1"}}
		for i := 0; i < len(also); i += 2 {
			header.Set(also[i], also[i+1])
		}
		return header
	}
	grant := call{"POST", "/consent-toggle", "", `{"operator":"ffoms","action":"grant"}`, 200, json(), granted}
	documents := call{"GET", "/extract-rendering", "", "", 200, json(), `{"items":[` + extract + `}]}`}
	for what, c := range map[string]struct {
		call
		but     func(*call)
		request bool // it is the request that is wrong
		holds   bool
	}{
		"a consent granted":             {call: grant, holds: true},
		"a list of documents":           {call: documents, holds: true},
		"a path of no function":         {call: grant, but: func(c *call) { c.path = "/consent-toggel" }, request: true},
		"a method it does not have":     {call: grant, but: func(c *call) { c.method = "PUT" }, request: true},
		"no body where there has to be": {call: grant, but: func(c *call) { c.sends = "" }, request: true},
		"a body where there is none":    {call: documents, but: func(c *call) { c.sends = "{}" }, request: true},
		"a field it does not have":      {call: grant, but: func(c *call) { c.sends = `{"operator":"ffoms","action":"grant","by":"me"}` }, request: true},
		"a value that is not listed":    {call: grant, but: func(c *call) { c.sends = `{"operator":"ffoms","action":"give"}` }, request: true},
		"a key with a space":            {call: grant, but: func(c *call) { c.key = "a b" }, request: true},
		"a page of 101":                 {call: documents, but: func(c *call) { c.path = "/policy-request?limit=101" }, request: true},
		"a page of x":                   {call: documents, but: func(c *call) { c.path = "/policy-request?limit=x" }, request: true},
		"a status it does not tell of":  {call: grant, but: func(c *call) { c.status = 201 }},
		"no call id":                    {call: grant, but: func(c *call) { c.header.Del("X-Call-Id") }},
		"a header of another type": {call: grant, but: func(c *call) {
			c.status, c.header = 503, json("Retry-After", "soon", "Content-Type", "application/problem+json")
		}},
		"another type of body":            {call: grant, but: func(c *call) { c.header.Set("Content-Type", "text/plain") }},
		"JSON that breaks off":            {call: grant, but: func(c *call) { c.body = c.body[:40] }},
		"a field more":                    {call: grant, but: func(c *call) { c.body = strings.Replace(c.body, "{", `{"more":1,`, 1) }},
		"a field less":                    {call: grant, but: func(c *call) { c.body = strings.Replace(c.body, `"status":"granted",`, "", 1) }},
		"a time that is none":             {call: grant, but: func(c *call) { c.body = strings.Replace(c.body, "T09", "T29", 1) }},
		"a digest that is too short":      {call: documents, but: func(c *call) { c.body = strings.Replace(c.body, "e3b0", "", 1) }},
		"an address that is none":         {call: documents, but: func(c *call) { c.body = strings.Replace(c.body, "https://polis.example/d", "d", 1) }},
		"a field more of what is made up": {call: documents, but: func(c *call) { c.body = strings.Replace(c.body, `"pdf"`, `"pdf","link":"https://polis.example/l"`, 1) }},
	} {
		t.Run(what, func(t *testing.T) {
			c.header = c.header.Clone()
			if c.but != nil {
				c.but(&c.call)
			}
			request, err := http.NewRequest(c.method, "http://polis.example/function"+c.path, strings.NewReader(c.sends))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Content-Type", "application/json")
			if c.key != "" {
				request.Header.Set("Idempotency-Key", c.key)
			}
			sent := theContract(t).checkRequest(request, []byte(c.sends))
			if ok := c.holds || !c.request; ok != (sent == nil) {
				t.Errorf("the request: %v", sent)
			}
			if c.request {
				return
			}
			answered := theContract(t).checkAnswer(request, &http.Response{StatusCode: c.status, Header: c.header}, []byte(c.body))
			if c.holds != (answered == nil) {
				t.Errorf("the answer: %v", answered)
			}
		})
	}
}

// operations of the contract, as "GET /path".
func (c contract) operations() map[string]*openapi3.Operation {
	all := map[string]*openapi3.Operation{}
	for path, item := range c.Paths.Map() {
		for method, operation := range item.Operations() {
			all[method+" "+path] = operation
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
	for _, topic := range regexp.MustCompile(`Topic\w+ += "(.+?)"`).FindAllStringSubmatch(contentOf(t, "shared/store/topics.go"), -1) {
		if !slices.Contains(routes, "POST /"+topic[1]) {
			t.Errorf("no function takes the events of %s", topic[1])
		}
	}
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
	seen := 0
	fits := func(where string, schema *openapi3.SchemaRef, example any) {
		if example == nil {
			return
		}
		seen++
		if err := schema.Value.VisitJSON(example, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors()); err != nil {
			t.Errorf("%s: %v", where, err)
		}
	}
	media := func(where string, content openapi3.Content) {
		for _, m := range content {
			fits(where, m.Schema, m.Example)
			for name, example := range m.Examples {
				fits(where+" "+name, m.Schema, example.Value.Value)
			}
		}
	}
	c := theContract(t)
	for _, name := range slices.Sorted(maps.Keys(c.operations())) {
		operation := c.operations()[name]
		if operation.RequestBody != nil {
			media(name, operation.RequestBody.Value.Content)
		}
		for status, response := range operation.Responses.Map() {
			media(name+" "+status, response.Value.Content)
		}
	}
	for name, schema := range c.Components.Schemas {
		for _, example := range schema.Value.Examples {
			fits(name, schema, example)
		}
	}
	if seen < 10 {
		t.Errorf("only %d examples were found", seen)
	}
}
