// Package explore looks for LANs of which a kernel and the oracle, or two kernels,
// do not say the same. It draws small LANs at random, has every frame of every class
// sent through them, and shrinks what disagrees to the smallest LAN that still does.
//
// Drawing is pure: LAN number n of a seed is always the same text, which is a
// scenario file like any other. So what is found is reproduced by running its file.
package explore
