"""trimtab"""
