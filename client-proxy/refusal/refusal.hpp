// What a person is told when something is refused: what happened and why, what to do next, and the id that
// the audit log has. The same words reach psql, the terminal and --json.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "base/result.hpp"
#include "http/problem.hpp"
#include "postgres/startup.hpp"

namespace postern::client {

struct Refusal {
    Code code = Code::internal;
    /// One line, as PostgreSQL writes its own: lower case, no full stop.
    std::string message;
    /// One line, a sentence; may be empty.
    std::string hint;
    /// Of the gateway's; may be empty.
    std::string connection_id;
    /// The word that clients of the agent get for it, where it is more than the code's name.
    std::string_view reason{};
};

[[noreturn]] void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where);

template <class T>
using Outcome = boost::system::result<T, Refusal>;

/// A sentence in the form of a message: "The gateway is full." becomes "the gateway is full".
std::string as_message(std::string_view sentence);
/// What a gateway or the CA service answered.
Refusal refusal_of(const http::Problem& problem);
/// The CA service did not answer, closed before TLS was up, or is not the one that is trusted: each in words
/// of its own, and so for the two below.
Refusal ca_refusal(const Failure& failure, std::string_view url);
/// The CA service, which had proven who it is, ended the connection instead of answering: its verdict on the
/// login certificate, as a TLS alert.
Refusal ca_verdict(const Failure& failure, std::string_view url);
/// The gateway could not be reached, or proved to be none.
Refusal gateway_refusal(const Failure& failure, std::string_view gateway);
/// The gateway ended the connection instead of answering: mostly its verdict on the login certificate, as a
/// TLS alert.
Refusal gateway_verdict(const Failure& failure, std::string_view gateway);
/// The gateway was lost before it answered, and what the program had said was with it.
Refusal unanswered_refusal(Code code, std::string_view gateway);
/// TLS with PostgreSQL failed on PostgreSQL's certificate, or before there was one.
Refusal server_refusal(const Failure& failure, std::string_view service);
/// PostgreSQL ended TLS instead of answering: its verdict on the login certificate.
Refusal server_verdict(const Failure& failure, std::string_view service);
/// Something on this machine.
Refusal local_refusal(const Failure& failure);
/// The folders of the profile or of the running agent.
Refusal folder_refusal(const Failure& failure);
/// The person's own settings, config.toml.
Refusal settings_refusal(const Failure& failure);

/// The whole as an ErrorResponse. `sqlstate` empty: that of the code.
std::string to_error_response(const Refusal& refusal, std::string_view sqlstate = {});
/// The same to a peer that may speak something else.
std::string to_rejection_message(const Refusal& refusal, postgres::Language language);

}  // namespace postern::client
