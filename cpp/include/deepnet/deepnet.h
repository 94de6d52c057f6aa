// All of deepnet's public headers. docs/cpp.md of the project is their guide.
#pragma once

#include "deepnet/config.h"
#include "deepnet/errors.h"
#include "deepnet/examples.h"
#include "deepnet/fit_many.h"
#include "deepnet/interrupt.h"
#include "deepnet/matrix.h"
#include "deepnet/names.h"
#include "deepnet/network.h"
#include "deepnet/training.h"
