package introduction

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/gtank/ristretto255"
)

type cpaceVectors struct {
	StringUtils map[string]string `json:"string_utils"`
	Generator   map[string]any    `json:"calculate_generator"`
	Protocol    map[string]string `json:"protocol"`
	Inter       map[string]string `json:"intermediate"`
	Multiply    struct {
		Valid    map[string]string
		Invalid1 string `json:"Invalid Y1"`
		Invalid2 string `json:"Invalid Y2"`
	} `json:"scalar_mult_vfy"`
}

func readVectors(t *testing.T) cpaceVectors {
	t.Helper()
	data, err := os.ReadFile("testdata/cpace-ristretto255.json")
	if err != nil {
		t.Fatal(err)
	}
	var v cpaceVectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 {
		t.Fatalf("not hexadecimal: %q, %v", s, err)
	}
	return b
}

func scalarOf(t *testing.T, s string) *ristretto255.Scalar {
	t.Helper()
	y, err := ristretto255.NewScalar().SetCanonicalBytes(unhex(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func TestVectors(t *testing.T) {
	v := readVectors(t)
	check := func(what string, got []byte, want string) {
		t.Helper()
		if want == "" || !strings.EqualFold(hex.EncodeToString(got), want) {
			t.Errorf("%s: got %x, want %s", what, got, want)
		}
	}
	long := make([]byte, 128)
	for i := range long {
		long[i] = byte(i)
	}
	check("prepend_len of nothing", prependLen(nil, nil), v.StringUtils["prepend_len(b'')"])
	check("prepend_len", prependLen(nil, []byte("1234")), v.StringUtils["prepend_len(b'1234')"])
	check("prepend_len 127", prependLen(nil, long[:127]), v.StringUtils["prepend_len(bytes(range(127)))"])
	check("prepend_len 128", prependLen(nil, long), v.StringUtils["prepend_len(bytes(range(128)))"])
	check("lv_cat", lvCat([]byte("1234"), []byte("5"), nil, []byte("678")), v.StringUtils["lv_cat(b'1234',b'5',b'',b'678')"])

	p := v.Protocol
	prs, ci, sid := unhex(t, p["PRS"]), unhex(t, p["CI"]), unhex(t, v.Generator["sid"].(string))
	check("generator string", generatorString(prs, ci, sid),
		v.Generator["generator_string(G.DSI,PRS,CI,sid,H.s_in_bytes)"].(string))
	g, err := cpaceGenerator(prs, ci, sid)
	if err != nil {
		t.Fatal(err)
	}
	check("generator", g.Bytes(), p["g"])

	ya, yb := scalarOf(t, p["ya"]), scalarOf(t, p["yb"])
	shareA := ristretto255.NewIdentityElement().ScalarMult(ya, g).Bytes()
	shareB := ristretto255.NewIdentityElement().ScalarMult(yb, g).Bytes()
	check("Ya", shareA, p["Ya"])
	check("Yb", shareB, p["Yb"])
	ka, okA := scalarMultVerify(ya, shareB)
	kb, okB := scalarMultVerify(yb, shareA)
	if !okA || !okB {
		t.Fatal("valid shares were refused")
	}
	check("K of A", ka, p["K"])
	check("K of B", kb, p["K"])
	isk := cpaceISK(sid, ka, shareA, unhex(t, p["ADa"]), shareB, unhex(t, p["ADb"]))
	check("ISK", isk, p["ISK_IR"])
}

func TestScalarMultVerify(t *testing.T) {
	v := readVectors(t).Multiply
	y := scalarOf(t, v.Valid["s"])
	if k, ok := scalarMultVerify(y, unhex(t, v.Valid["X"])); !ok || !bytes.Equal(k, unhex(t, v.Valid["G.scalar_mult_vfy(s,X)"])) {
		t.Errorf("valid point: got %x, %v", k, ok)
	}
	for _, point := range [][]byte{unhex(t, v.Invalid1), unhex(t, v.Invalid2), nil, make([]byte, 31), make([]byte, 33)} {
		if k, ok := scalarMultVerify(y, point); ok {
			t.Errorf("invalid point %x: got %x, want a refusal", point, k)
		}
	}
}

// The identity and what is no point must end the introduction in both roles, and not be a guess.
func TestM4InvalidShares(t *testing.T) {
	v := readVectors(t).Multiply
	for _, point := range []string{v.Invalid1, v.Invalid2} {
		for n, at := range map[int]int{1: 2 + nonceSize, 2: 1} { // where Ya and Yb stand in their messages
			p := newPair(t, point)
			err := p.run(func(i int, message []byte) []byte {
				if i == n {
					copy(message[at:], unhex(t, point))
				}
				return message
			})
			if err != ErrProtocol {
				t.Errorf("share %s in message %d: got %v, want ErrProtocol", point, n, err)
			}
		}
	}
}
