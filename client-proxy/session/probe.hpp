// How postern's own looks at a service name themselves to PostgreSQL, so that its log, the agent's events and
// the gateway's record tell them from somebody's access. A claim: any program may say so.
#pragma once

#include <string_view>

namespace postern::client {

/// The application_name of those that ask for nothing, and of the query that `postern doctor` has psql run.
inline constexpr const char* kProbeName = "postern probe";
inline constexpr const char* kDoctorName = "postern doctor";

constexpr bool is_probe(std::string_view application_name) {
    return application_name == kProbeName || application_name == kDoctorName;
}

}  // namespace postern::client
