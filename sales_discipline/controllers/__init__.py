from . import crm_lead, funnel, workbook
