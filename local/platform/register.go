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

// fillRegister puts the personas on record where they are not yet: an import
// leaves a record that is there as life has made it.
func (i *Instance) fillRegister(ctx context.Context) error {
	if _, ok := i.stack[registerFunction]; !ok {
		return nil
	}
	batch := personas.FirstImport()
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	token, err := i.Token("operator", issuer.Flaw{})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, i.base+"/function/"+registerFunction+"/imports", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var result struct {
		Imported, Unchanged int
		Refused             []json.RawMessage
	}
	if response.StatusCode != http.StatusAccepted || json.Unmarshal(answer, &result) != nil || result.Imported+result.Unchanged == 0 {
		return fmt.Errorf("the register does not take the test persons: %s\n%s", response.Status, answer)
	}
	if result.Imported > 0 {
		i.say("register", "%d test persons put on record", result.Imported)
	}
	return nil
}
