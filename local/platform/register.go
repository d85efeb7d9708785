package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"polis/local/issuer"
	"polis/local/personas"
)

const registerFunction = "insured-registry"

// fillRegister puts the personas on record where they are not yet, with the
// services that clinics reported of them: an import leaves a record that is
// there as life has made it.
func (i *Instance) fillRegister(ctx context.Context) error {
	if _, ok := i.stack[registerFunction]; !ok {
		return nil
	}
	persons, err := i.load(ctx, "imports", personas.FirstImport())
	if err != nil {
		return err
	}
	services, err := i.load(ctx, "services", personas.FirstServices())
	if err != nil {
		return err
	}
	if persons+services > 0 {
		i.say("register", "%d test persons put on record, with %d services", persons, services)
	}
	return nil
}

// load hands the register a chunk of records, and answers how many were new.
func (i *Instance) load(ctx context.Context, path string, chunk any) (int, error) {
	body, err := json.Marshal(chunk)
	if err != nil {
		return 0, err
	}
	token, err := i.Token("operator", issuer.Flaw{})
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.base+"/function/"+registerFunction+"/"+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	var result struct {
		Imported, Unchanged int
		Refused             []json.RawMessage
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return 0, fmt.Errorf("the register does not answer: %s\n%s", response.Status, answer)
	}
	// By a law clock of years ago most of the services are still to come.
	none := path == "imports" && result.Imported+result.Unchanged == 0
	if response.StatusCode != http.StatusAccepted || none {
		return 0, fmt.Errorf("the register does not take the test data: %s\n%s", response.Status, answer)
	}
	return result.Imported, nil
}
