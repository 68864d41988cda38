// The check at start that keeps a processor's AMX from computing anything else than AVX-512 does. The products
// themselves: cpu_matrix_test.cpp.
#include "backend/cpu/amx.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernel_sets.h"

#if defined(__x86_64__)
namespace gptoss::backend::cpu {
namespace {

class Amx : public testing::Test {
  protected:
    void SetUp() override {
        if (test::available_kernels().back() != &amx_kernels()) GTEST_SKIP() << "no AVX-512 here";
    }
};

TEST_F(Amx, ComputesWhatAvx512DoesToTheBit) {
    EXPECT_TRUE(are_products_equal(avx512_kernels(), amx_kernels()));
}

// A last bit of a row in the second tile.
template <PanelDot Kernels::*kDot>
void dot_slightly_wrong(const std::byte* panel, std::int32_t blocks, const ActivationRow* rows,
                        std::int32_t count, float* out) {
    (amx_kernels().*kDot)(panel, blocks, rows, count, out);
    if (count > 16) out[16 * kPanelRows + 31] = std::nextafter(out[16 * kPanelRows + 31], 1e30F);
}

TEST_F(Amx, IsNotUsedWhereOneFormatIsWrong) {
    Kernels wrong = amx_kernels();
    wrong.dot_int8 = dot_slightly_wrong<&Kernels::dot_int8>;
    EXPECT_FALSE(are_products_equal(avx512_kernels(), wrong));
    wrong = amx_kernels();
    wrong.dot_mxfp4 = dot_slightly_wrong<&Kernels::dot_mxfp4>;
    EXPECT_FALSE(are_products_equal(avx512_kernels(), wrong));
}

TEST_F(Amx, IsListedAndChosenWhereTheProcessorHasIt) {
    const std::vector<std::string> names = cpu_kernel_names();
    EXPECT_EQ(names.front() == "cpu/amx", is_amx_usable());
    EXPECT_EQ(best_kernels().name, is_amx_usable() ? "AMX" : "AVX-512 VNNI");
    EXPECT_EQ(choose_kernels({.banned = {"cpu/amx"}}).name, "AVX-512 VNNI");
}

}  // namespace
}  // namespace gptoss::backend::cpu
#endif
