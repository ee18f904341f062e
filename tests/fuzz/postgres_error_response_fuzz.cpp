// A server's ErrorResponse, as the doctor and the tests read it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "postgres/error_response.hpp"

using namespace postern::postgres;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto fields = parse_error_response(Bytes(data, size));
    if (fields) {
        const auto again = fatal_error({"28000", fields->message, fields->hint, fields->detail});
        if (!parse_error_response(as_bytes(again))) {
            std::abort();
        }
    }
    return 0;
}
