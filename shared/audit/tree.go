package audit

import (
	"crypto/sha256"
	"math/bits"
)

// A Merkle tree of RFC 6962, 2.1: leaf hashes begin with 0, inner ones with 1,
// and the left side of a node is the largest full tree below it.

func node(left, right Hash) Hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func split(n int) int { return 1 << (bits.Len(uint(n-1)) - 1) }

func rootOf(leaves []Leaf) Hash {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return leaves[0].Hash()
	default:
		k := split(n)
		return node(rootOf(leaves[:k]), rootOf(leaves[k:]))
	}
}

// pathOf is the hashes beside the way from a leaf up to the root (2.1.1).
func pathOf(leaves []Leaf, index int) []Hash {
	if len(leaves) <= 1 {
		return nil
	}
	k := split(len(leaves))
	if index < k {
		return append(pathOf(leaves[:k], index), rootOf(leaves[k:]))
	}
	return append(pathOf(leaves[k:], index-k), rootOf(leaves[:k]))
}

// climb is the root that a path leads to, of a tree with so many leaves; false
// if the path is too short or too long.
func climb(leaf Hash, index, leaves int, path []Hash) (Hash, bool) {
	if index < 0 || index >= leaves {
		return Hash{}, false
	}
	if leaves == 1 {
		return leaf, len(path) == 0
	}
	if len(path) == 0 {
		return Hash{}, false
	}
	k, below, beside := split(leaves), path[:len(path)-1], path[len(path)-1]
	if index < k {
		left, ok := climb(leaf, index, k, below)
		return node(left, beside), ok
	}
	right, ok := climb(leaf, index-k, leaves-k, below)
	return node(beside, right), ok
}
