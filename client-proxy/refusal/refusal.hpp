// What a person is told when something is refused: what happened and why, what to do next, and the id under
// which the audit log has it. psql, the terminal and --json show the same words.
#pragma once

#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "base/result.hpp"
#include "http/problem.hpp"
#include "postgres/startup.hpp"

namespace postern::client {

/// A refusal for people. The code drives branches, exit codes and SQLSTATE; the texts are shown as they are.
struct Refusal {
    Code code = Code::internal;
    /// One line, as PostgreSQL writes its own: lower case, no full stop.
    std::string message;
    /// One line, a sentence; may be empty.
    std::string hint;
    /// The gateway's connection id; may be empty.
    std::string connection_id;
    /// The reason that clients of the agent get, when it is finer than the code's name.
    std::string_view reason{};
};

/// Called by boost::system::result when value() is called on a refusal, which is a bug; throws
/// std::logic_error.
[[noreturn]] void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where);

template <class T>
using Outcome = boost::system::result<T, Refusal>;

/// Turns a sentence into the form of a message: "The gateway is full." becomes "the gateway is full".
std::string as_message(std::string_view sentence);
/// The refusal in a problem that a gateway or the CA service answered.
Refusal refusal_of(const http::Problem& problem);
/// The CA service did not answer, closed the connection before TLS was established, or is not the trusted
/// one. Each case has its own words, also in gateway_refusal() and server_refusal().
Refusal ca_refusal(const Failure& failure, std::string_view url);
/// The CA service, which had proven its identity, ended the connection instead of answering, which is its
/// verdict on the login certificate, sent as a TLS alert.
Refusal ca_verdict(const Failure& failure, std::string_view url);
/// The gateway could not be reached, or could not prove its identity.
Refusal gateway_refusal(const Failure& failure, std::string_view gateway);
/// The gateway ended the connection instead of answering. Mostly this is its verdict on the login
/// certificate, sent as a TLS alert.
Refusal gateway_verdict(const Failure& failure, std::string_view gateway);
/// The connection to the gateway was lost before it answered. What the program had sent may have reached the
/// service.
Refusal unanswered_refusal(Code code, std::string_view gateway);
/// TLS with PostgreSQL failed because of PostgreSQL's certificate, or before the server showed one.
Refusal server_refusal(const Failure& failure, std::string_view service);
/// PostgreSQL ended TLS instead of answering, which is its verdict on the login certificate.
Refusal server_verdict(const Failure& failure, std::string_view service);
/// Something failed on this machine: a file, the key's keyring or token, or a resource limit.
Refusal local_refusal(const Failure& failure);
/// The folder of the profile or of the running agent cannot be used.
Refusal folder_refusal(const Failure& failure);
/// The person's own settings, config.toml, cannot be used.
Refusal settings_refusal(const Failure& failure);

/// The refusal as a PostgreSQL ErrorResponse. When `sqlstate` is empty, the one of the code is used.
std::string to_error_response(const Refusal& refusal, std::string_view sqlstate = {});
/// The refusal for a client in the language that it speaks, which may be another than PostgreSQL's protocol.
std::string to_rejection_message(const Refusal& refusal, postgres::Language language);

}  // namespace postern::client
