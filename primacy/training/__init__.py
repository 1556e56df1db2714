"""How networks are trained: one as pure functions, and many side by side in one program.

Order: control_data < batches | losses | unlinked < answers < step | evaluate < lane | programs <
rows < block
"""
