// What the GPU tests share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "backend/cuda/cuda_backend.h"

namespace gptoss::backend::test {

class GpuTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string reason;
        if (!cuda_available(&reason)) GTEST_SKIP() << "no usable GPU here: " << reason;
    }
};

}  // namespace gptoss::backend::test
