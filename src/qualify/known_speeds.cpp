#include "qualify/known_speeds.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

namespace gptoss::qualify {
namespace {

struct Speed {
    std::string_view step;  // Probe::name()
    double tokens_per_second = 0;
};

// The H200's with 120b are what `qualify` itself timed with random weights of the true shape (kernel_choice_bench), its
// sequences sharing a few blocks of keys; the others are docs/performance.md's, where every sequence has its own.
constexpr std::array<Speed, 10> kH200With120b = {{{"1 token at 1024", 695},
                                                  {"2 x 1 token at 1024", 909},
                                                  {"4 x 1 token at 1024", 1250},
                                                  {"8 x 1 token at 1024", 1503},
                                                  {"16 x 1 token at 1024", 2293},
                                                  {"64 x 1 token at 1024", 5250},
                                                  {"256 x 1 token at 1024", 11'948},
                                                  {"512 x 1 token at 1024", 17'340},
                                                  {"1024 tokens", 27'765},
                                                  {"2048 tokens", 35'490}}};
constexpr std::array<Speed, 6> kH100With120b = {{{"1 token at 1024", 505},
                                                 {"2 x 1 token at 1024", 700},
                                                 {"4 x 1 token at 1024", 914},
                                                 {"8 x 1 token at 1024", 1044},
                                                 {"16 x 1 token at 1024", 1326},
                                                 {"64 x 1 token at 1024", 2975}}};
// Not measured: the H200's times the two cards' memory bandwidths by their data sheets, 1,792 of 4,800 GB/s. Only
// of steps that memory bounds.
constexpr double kPro6000OfH200 = 1792.0 / 4800;
constexpr std::array<Speed, 3> kPro6000With120b = {{{"1 token at 1024", 695 * kPro6000OfH200},
                                                    {"16 x 1 token at 1024", 2293 * kPro6000OfH200},
                                                    {"64 x 1 token at 1024", 5250 * kPro6000OfH200}}};
constexpr std::array<Speed, 1> kH200With20b = {{{"1 token at 1024", 1000}}};
constexpr std::array<Speed, 1> kH100With20b = {{{"1 token at 1024", 720}}};
constexpr std::array<Speed, 1> kPro6000With20b = {{{"1 token at 1024", 1000 * kPro6000OfH200}}};

struct KnownCard {
    std::string_view name;  // part of what the driver calls it
    std::int32_t experts;   // of the model
    bool measured;
    std::span<const Speed> speeds;
};

constexpr std::array<KnownCard, 6> kCards = {{{"H200", 128, true, kH200With120b},
                                              {"H100 80GB", 128, true, kH100With120b},
                                              {"RTX PRO 6000", 128, false, kPro6000With120b},
                                              {"H200", 32, true, kH200With20b},
                                              {"H100 80GB", 32, true, kH100With20b},
                                              {"RTX PRO 6000", 32, false, kPro6000With20b}}};

constexpr double kLeastShare = 0.9;  // cards of a name differ by their power and cooling

bool is_published(const model::Hyperparameters& shape) {
    return shape.layers == (shape.experts == 128 ? model::gpt_oss_120b() : model::gpt_oss_20b()).layers &&
           shape.hidden == model::gpt_oss_120b().hidden;
}

}  // namespace

void compare_with_known_cards(const model::Hyperparameters& shape, Report& report) {
    if (!is_published(shape)) {
        report.findings.push_back({"speed", "known cards", Verdict::skipped,
                                   "speeds are known of gpt-oss-120b and gpt-oss-20b alone"});
        return;
    }
    for (const KnownCard& card : kCards) {
        if (card.experts != shape.experts) continue;
        const bool this_one = report.device.find(card.name) != std::string::npos;
        std::string detail;
        for (const Speed& speed : card.speeds) {
            const auto figure =
                std::ranges::find(report.figures, fmt::format("step of {}", speed.step), &Figure::name);
            if (figure == report.figures.end()) continue;
            detail += fmt::format("{}{}: {:.2f} times {:.0f} tok/s", detail.empty() ? "" : "; ", speed.step,
                                  figure->value / speed.tokens_per_second, speed.tokens_per_second);
            if (this_one && card.measured) figure->bound = kLeastShare * speed.tokens_per_second;
        }
        report.findings.push_back(
            {"speed", fmt::format("beside {} {}", card.name, card.measured ? "(measured)" : "(predicted)"),
             detail.empty() ? Verdict::skipped : Verdict::passed,
             detail.empty() ? "no step of the table was timed" : detail});
    }
}

}  // namespace gptoss::qualify
