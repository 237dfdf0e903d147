import { describeShortForms } from './short-forms.js';

describeShortForms('redis');
