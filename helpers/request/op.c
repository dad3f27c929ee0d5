/* SPDX-License-Identifier: Apache-2.0 */
#include "request/op.h"

#include "base/action.h"
#include "base/error.h"

DrvWhere
drv_op_where(const DrvOp *op, gconstpointer request)
{
    return op->where ? op->where(request) : DRV_AT_DATA;
}

DrvWhere
drv_op_anywhere(gconstpointer request)
{
    (void)request;
    return DRV_ANYWHERE;
}

DrvWhere
drv_op_nowhere(gconstpointer request)
{
    (void)request;
    return DRV_NOWHERE;
}

const DrvOp *
drv_op_of_program(GError **error)
{
    if (&drv_slot_0)
        return drv_slot_0;
    if (&drv_slot_1)
        return drv_slot_1;
    if (&drv_slot_2)
        return drv_slot_2;
    (void)drv_throw(
        error, DRV_ERROR_UNSUPPORTED, "%s: Operation not supported", drv_action_name());
    return NULL;
}
