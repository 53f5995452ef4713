package main

import (
	"context"
	"net"
	"net/netip"
	"net/url"
	"time"

	"earshot/internal/matchmaker"
)

// lookupPatience bounds the question to DNS whether a server's name is of this network.
const lookupPatience = 3 * time.Second

// onThisNetwork tells whether a matchmaker's address is of this machine, its private network or its VPN. A name counts if
// all its addresses do; one that can't be looked up does not.
func onThisNetwork(ctx context.Context, server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return matchmaker.IsLocal(a)
	}
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil || len(addresses) == 0 {
		return false
	}
	for _, a := range addresses {
		if !matchmaker.IsLocal(a) {
			return false
		}
	}
	return true
}
