#include "provenance/s5/name_order.h"

#include <unicode/ucol.h>

#include <memory>
#include <string>

#include "base/error.h"

namespace gptoss::provenance::s5 {
namespace {

struct CloseCollator {
    void operator()(UCollator* collator) const { ucol_close(collator); }
};

const UCollator* collator() {
    static const std::unique_ptr<UCollator, CloseCollator> shared = [] {
        UErrorCode status = U_ZERO_ERROR;
        std::unique_ptr<UCollator, CloseCollator> made(ucol_open("", &status));
        if (U_FAILURE(status))
            throw Error(ErrorCode::file_unreadable,
                        std::string("ICU has no collation data: ") + u_errorName(status),
                        "Install the system's libicu whole.");
        return made;
    }();
    return shared.get();
}

}  // namespace

bool name_comes_before(std::string_view left, std::string_view right) {
    UErrorCode status = U_ZERO_ERROR;
    const UCollationResult order =
        ucol_strcollUTF8(collator(), left.data(), static_cast<std::int32_t>(left.size()), right.data(),
                         static_cast<std::int32_t>(right.size()), &status);
    return order == UCOL_LESS;
}

}  // namespace gptoss::provenance::s5
