// Package peer makes an ordinary stdio MCP server look like a guest of this
// project's contract: one stateless message of revision 2026-07-28 in, one
// answer out.
//
// [Connect] finds out which era the server speaks and [Peer.Handle] carries the
// messages. A modern server gets them as they are. A server of 2025-11-25,
// 2025-06-18, 2025-03-26 or 2024-11-05 is initialised once and gets them
// translated; where it asks the client for something in the middle of a call
// (elicitation, sampling, roots), the call is parked and its caller gets an
// input_required result, whose retry goes on with the parked call.
//
// # What a server may do wrong
//
// The server's output is hostile until it has been read:
//
//   - A line that is not JSON-RPC and could not be meant as such (a banner, a
//     log line, a JSON object without any of JSON-RPC's members) is noise. It
//     is reported to [Config.Noise] and skipped; more than 64 lines or 64 KiB
//     between two answers end the peer.
//   - A malformed message fails the call whose id it carries, or else every
//     call in flight, with [runtime.KindProtocol]; so does an answer to an id
//     that was never asked. The next message works.
//   - A line longer than [runtime.Limits].AnswerBytes is skipped without being
//     kept and fails the calls in flight with [runtime.KindLimit].
//   - A second answer to one id changes nothing and is reported to
//     [Config.Fault]; a late answer to a cancelled one is dropped.
//
// Everything that is kept is bounded: calls in flight, parked calls, requests by
// the server, notifications, and what waits to be written. Nothing waits for
// the server beyond its caller's context.
package peer
