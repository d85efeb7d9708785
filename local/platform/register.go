package platform

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"polis/local/issuer"
	"polis/local/personas"
)

const registerFunction = "insured-registry"

// fillRegister puts the personas on record at the first start on these data.
// Later starts leave the records as life has made them.
func (i *Instance) fillRegister(ctx context.Context) error {
	if _, ok := i.stack[registerFunction]; !ok {
		return nil
	}
	mark := filepath.Join(i.data, "register-filled")
	if filled, err := os.ReadFile(mark); err == nil && string(filled) == i.storeName {
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
	if response.StatusCode != http.StatusAccepted || json.Unmarshal(answer, &result) != nil || len(result.Refused) > 0 {
		return fmt.Errorf("the register does not take the test persons: %s\n%s", response.Status, answer)
	}
	i.say("register", "%d test persons put on record", result.Imported+result.Unchanged)
	return replaceFile(mark, []byte(i.storeName))
}
