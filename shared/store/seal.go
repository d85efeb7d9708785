package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
)

// A stored value is its version (8 bytes, big-endian, for compare-and-set in
// the store) and the sealed document. The key's name and the version are
// authenticated with it: a value moved to another key or rolled back under
// another version does not open.
const versionBytes = 8

const wrapVersion = 1 // of the master key; first byte of a wrapped data key

var errSeal = errors.New("sealed value does not open")

func version(n uint64) string {
	var b [versionBytes]byte
	binary.BigEndian.PutUint64(b[:], n)
	return string(b[:])
}

func newCipher(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the length is ours: 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

// head tells two states of a stored value apart: the version of a document, the
// random beginning of a wrapped data key, "" of nothing.
func head(value string) string { return value[:min(len(value), versionBytes)] }

// dataKey seals the documents of one person on one side.
type dataKey struct {
	wrapped string // as stored
	aead    cipher.AEAD
}

func (s *Store) newDataKey(name string) dataKey {
	key := make([]byte, 32)
	rand.Read(key)
	wrapped := append([]byte{wrapVersion}, s.master.Seal(nil, nil, key, []byte(name))...)
	return dataKey{wrapped: string(wrapped), aead: newCipher(key)}
}

func (s *Store) openDataKey(name, wrapped string) (dataKey, error) {
	if wrapped == "" || wrapped[0] != wrapVersion {
		return dataKey{}, errSeal
	}
	key, err := s.master.Open(nil, nil, []byte(wrapped[1:]), []byte(name))
	if err != nil {
		return dataKey{}, errSeal
	}
	return dataKey{wrapped: wrapped, aead: newCipher(key)}, nil
}

func (k dataKey) seal(name string, v uint64, plain []byte) string {
	head := version(v)
	return head + string(k.aead.Seal(nil, nil, plain, []byte(name+head)))
}

func (k dataKey) open(name, value string) (uint64, []byte, error) {
	if len(value) < versionBytes {
		return 0, nil, errSeal
	}
	head := value[:versionBytes]
	plain, err := k.aead.Open(nil, nil, []byte(value[versionBytes:]), []byte(name+head))
	if err != nil {
		return 0, nil, errSeal
	}
	return binary.BigEndian.Uint64([]byte(head)), plain, nil
}
